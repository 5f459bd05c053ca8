// SPDX-License-Identifier: BSD-2-Clause
// What JSON strings escape.
#include "decode/spelling.hpp"

#include <array>

namespace dynmon {

namespace {

constexpr bool needs_escape(unsigned char byte) {
    return byte < 0x20 || byte == '"' || byte == '\\';
}

constexpr std::array<bool, 256> special_in_json = [] {
    std::array<bool, 256> table{};
    for (unsigned i = 0; i < 256; ++i)
        table[i] = i >= 0x80 || needs_escape(static_cast<unsigned char>(i));
    return table;
}();

constexpr std::array<char, 6 * 32> control_escapes = [] {
    constexpr char digit[] = "0123456789abcdef";
    std::array<char, 6 * 32> table{};
    for (unsigned i = 0; i < 32; ++i) {
        const char escape[6] = {'\\', 'u', '0', '0', digit[i / 16], digit[i % 16]};
        for (unsigned j = 0; j < 6; ++j)
            table[6 * i + j] = escape[j];
    }
    return table;
}();

} // namespace

std::size_t plain_length(std::string_view text, bool json) {
    std::size_t length = 0;
    if (json)
        while (length < text.size() && !special_in_json[static_cast<unsigned char>(text[length])])
            ++length;
    else
        while (length < text.size() && static_cast<unsigned char>(text[length]) < 0x80)
            ++length;
    return length;
}

std::string_view json_escape(char c) {
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        return {&control_escapes[6 * static_cast<unsigned char>(c)], 6};
    }
}

void append_json_string(std::string_view text, std::string& out) {
    out += '"';
    spell(text, true, [&](std::string_view piece) { out.append(piece); });
    out += '"';
}

} // namespace dynmon
