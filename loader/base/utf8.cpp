// SPDX-License-Identifier: BSD-2-Clause
// What makes a sequence of bytes a character.
#include "base/utf8.hpp"

#include <cstdint>

namespace dynmon {

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

} // namespace dynmon
