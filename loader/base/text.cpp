// SPDX-License-Identifier: BSD-2-Clause
// What makes a sequence of bytes a character.

#include "base/text.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace dynmon {

std::string lower_case(std::string text) {
    for (char& c : text)
        c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return text;
}

std::string replace_all(std::string text, std::string_view what, std::string_view by) {
    for (std::size_t at = text.find(what); at != std::string::npos;
         at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
    return text;
}

namespace {

// A character above U+007F: its length, and what its first continuation byte may be, which is where
// overlong forms, surrogates and values beyond U+10FFFF show.
struct Lead {
    std::uint8_t length = 0;
    std::uint8_t low = 0x80;
    std::uint8_t high = 0xbf;
};

constexpr Lead lead_of(std::uint8_t byte) {
    if (byte >= 0xc2 && byte <= 0xdf)
        return {2};
    if (byte == 0xe0)
        return {3, 0xa0};
    if (byte == 0xed)
        return {3, 0x80, 0x9f};
    if (byte >= 0xe1 && byte <= 0xef)
        return {3};
    if (byte == 0xf0)
        return {4, 0x90};
    if (byte >= 0xf1 && byte <= 0xf3)
        return {4};
    if (byte == 0xf4)
        return {4, 0x80, 0x8f};
    return {};
}

} // namespace

std::size_t utf8_length(std::string_view text) {
    if (text.empty())
        return 0;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    if (byte(0) < 0x80)
        return 1;
    const Lead lead = lead_of(byte(0));
    if (lead.length == 0 || text.size() < lead.length || byte(1) < lead.low || byte(1) > lead.high)
        return 0;
    for (std::size_t i = 2; i < lead.length; ++i)
        if (byte(i) < 0x80 || byte(i) > 0xbf)
            return 0;
    return lead.length;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

// Which characters a terminal obeys, and what is printed instead.

namespace {

constexpr std::size_t longest_line = 4096;

// Unicode's property Bidi_Control, and the separators of lines and paragraphs.
bool changes_layout(std::uint32_t code) {
    return code == 0x61c || code == 0x200e || code == 0x200f || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

// A byte as \x1b, a longer character as \u{202e}.
void append_escape(std::string_view character, std::string& out) {
    char text[16];
    std::snprintf(text, sizeof text, character.size() == 1 ? "\\x%02x" : "\\u{%04x}",
                  static_cast<unsigned>(code_point(character)));
    out += text;
}

void cut(std::string& text, std::size_t most) {
    if (text.size() <= most)
        return;
    std::size_t end = most;
    while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0) == 0x80)
        --end; // a character stays whole
    text.resize(end);
    text += "…";
}

} // namespace

std::uint32_t code_point(std::string_view character) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(character[i]); };
    if (character.size() == 1)
        return byte(0);
    std::uint32_t code = byte(0) & (0xffu >> (character.size() + 1));
    for (std::size_t i = 1; i < character.size(); ++i)
        code = code << 6 | (byte(i) & 0x3fu);
    return code;
}

bool is_unprintable(std::string_view character) {
    const std::uint32_t code = code_point(character);
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || changes_layout(code);
}

std::string printable(std::string_view text) {
    return escape_unprintable(text, [](std::string_view character, std::string& out) {
        if (character == "\n" || character == "\t")
            out += character;
        else
            append_escape(character, out);
    });
}

std::string printable_line(std::string_view text, std::size_t most) {
    std::string line = escape_unprintable(text, append_escape);
    cut(line, most);
    return line;
}

std::string printable_message(std::string_view text) {
    std::string message;
    for (bool first = true; !text.empty() || first; first = false) {
        const std::size_t end = text.find('\n');
        std::string line = printable(text.substr(0, std::min(end, longest_line + 1)));
        cut(line, longest_line);
        message += (first ? "" : "\n    ") + line;
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return message;
}

std::string iso_time(std::uint64_t epoch_ns) {
    const auto seconds = static_cast<time_t>(epoch_ns / 1'000'000'000);
    tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

} // namespace dynmon
