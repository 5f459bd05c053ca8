// Which characters a terminal obeys, and what is printed instead.
#include "base/printable.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "base/utf8.hpp"

namespace dynmon {

namespace {

constexpr std::size_t longest_line = 4096;

// Unicode's property Bidi_Control, and the separators of lines and paragraphs.
bool changes_layout(std::uint32_t code) {
    return code == 0x61c || code == 0x200e || code == 0x200f || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

void append_byte(char byte, std::string& out) {
    char text[8];
    std::snprintf(text, sizeof text, "\\x%02x",
                  static_cast<unsigned>(static_cast<std::uint8_t>(byte)));
    out += text;
}

void append_escape(std::string_view character, std::string& out) {
    if (character.size() == 1) {
        append_byte(character[0], out);
        return;
    }
    char text[16];
    std::snprintf(text, sizeof text, "\\u{%04x}", static_cast<unsigned>(code_point(character)));
    out += text;
}

template <typename Stays>
std::string escaped(std::string_view text, Stays stays) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const std::string_view character = text.substr(0, std::max<std::size_t>(length, 1));
        if (length == 0)
            append_byte(character[0], out);
        else if (is_unprintable(character) && !stays(character[0]))
            append_escape(character, out);
        else
            out += character;
        text.remove_prefix(character.size());
    }
    return out;
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
    return escaped(text, [](char c) { return c == '\n' || c == '\t'; });
}

std::string printable_line(std::string_view text, std::size_t most) {
    std::string line = escaped(text, [](char) { return false; });
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
