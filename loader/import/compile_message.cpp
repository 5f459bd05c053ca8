// SPDX-License-Identifier: BSD-2-Clause
#include "import/compile_message.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"

namespace dynmon {

namespace {

constexpr std::string_view message_start = "dynmon-compile 1 ";

[[noreturn]] void throw_malformed(const std::string& what) {
    throw Error(ErrorKind::usage, "no message of dynmon-compile 1: " + what);
}

// Takes what stands before `end` off; it has at most 32 bytes.
std::string_view word_before(std::string_view& rest, char end) {
    constexpr std::size_t longest = 32;
    const std::size_t length = rest.substr(0, longest + 1).find(end);
    if (length == std::string_view::npos || length == 0)
        throw_malformed("a word is missing");
    const std::string_view word = rest.substr(0, length);
    rest.remove_prefix(length + 1);
    return word;
}

std::size_t number_before(std::string_view& rest, char end, std::size_t most) {
    const std::string_view word = word_before(rest, end);
    std::size_t number = 0;
    const char* const last = word.data() + word.size();
    const auto [stop, fault] = std::from_chars(word.data(), last, number);
    if (fault != std::errc() || stop != last || (word.front() == '0' && word.size() > 1))
        throw_malformed("a number is none");
    if (number > most)
        throw_malformed("a number is too large");
    return number;
}

bool is_field_name(std::string_view name) {
    return name.front() != '.' && std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == '_';
           });
}

} // namespace

const std::string& CompileMessage::field(std::string_view name) const {
    static const std::string none;
    for (const auto& [known, bytes] : fields)
        if (known == name)
            return bytes;
    return none;
}

std::string to_bytes(const CompileMessage& message) {
    std::string bytes(message_start);
    bytes += message.kind + ' ' + std::to_string(message.fields.size()) + '\n';
    for (const auto& [name, value] : message.fields)
        bytes += name + ' ' + std::to_string(value.size()) + '\n' + value;
    return bytes;
}

CompileMessage parse_compile_message(std::string_view bytes) {
    std::string_view rest = bytes;
    if (!rest.starts_with(message_start))
        throw_malformed("it starts otherwise");
    rest.remove_prefix(message_start.size());
    CompileMessage message;
    message.kind = word_before(rest, ' ');
    const std::size_t count = number_before(rest, '\n', compile_limits::fields);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name(word_before(rest, ' '));
        if (!is_field_name(name))
            throw_malformed("a name is none");
        const bool again = std::any_of(message.fields.begin(), message.fields.end(),
                                       [&](const auto& field) { return field.first == name; });
        if (again)
            throw_malformed("'" + name + "' stands there twice");
        const std::size_t size = number_before(rest, '\n', compile_limits::answer_bytes);
        if (size > rest.size())
            throw_malformed("'" + name + "' is cut off");
        message.fields.emplace_back(name, rest.substr(0, size));
        rest.remove_prefix(size);
    }
    if (!rest.empty())
        throw_malformed("it goes on behind its end");
    return message;
}

} // namespace dynmon
