// SPDX-License-Identifier: BSD-2-Clause
// What is wrong with a condition, shown in its text.
#include <algorithm>

#include "filter/condition.hpp"

namespace dynmon {

namespace {

bool starts_character(char c) { // of UTF-8
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

} // namespace

Error Condition::fault(std::size_t at, std::size_t length, const std::string& message) const {
    constexpr std::size_t before = 40; // what is shown of a long text
    constexpr std::size_t after = 30;
    at = std::min(at, text_.size());
    std::size_t from = at > before ? at - before : 0;
    while (from > 0 && !starts_character(text_[from]))
        --from;
    std::size_t to = std::min(text_.size(), at + after);
    while (to < text_.size() && !starts_character(text_[to]))
        ++to;
    std::string shown = text_.substr(from, to - from);
    for (char& c : shown) // neither a line of its own nor an order to the terminal
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = ' ';
    const auto characters = [this](std::size_t begin, std::size_t end) {
        return static_cast<std::size_t>(
            std::count_if(text_.begin() + static_cast<std::ptrdiff_t>(begin),
                          text_.begin() + static_cast<std::ptrdiff_t>(end), starts_character));
    };
    const std::string left = from > 0 ? "…" : "";
    const std::size_t indent = characters(from, at) + (from > 0 ? 1 : 0);
    const std::size_t marked = characters(at, std::clamp(at + length, at, to));
    return Error(ErrorKind::usage,
                 "column " + std::to_string(characters(0, at) + 1) + ": " + message + "\n    " +
                     left + shown + (to < text_.size() ? "…" : "") + "\n    " +
                     std::string(indent, ' ') + std::string(std::max<std::size_t>(marked, 1), '^'));
}

} // namespace dynmon
