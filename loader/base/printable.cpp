// SPDX-License-Identifier: BSD-2-Clause
// Which characters a terminal obeys, and what is printed instead.
#include "base/printable.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace dynmon {

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

} // namespace dynmon
