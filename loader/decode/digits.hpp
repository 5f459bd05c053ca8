// SPDX-License-Identifier: BSD-2-Clause
// Integers to decimal and hexadecimal digits, two at a time; inline because everything printed
// comes through here. Each function writes at `at` without a check and returns the new end.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace dynmon {

namespace digits {

inline constexpr std::array<char, 200> pairs = [] {
    std::array<char, 200> table{};
    for (unsigned i = 0; i < 100; ++i) {
        table[2 * i] = static_cast<char>('0' + i / 10);
        table[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return table;
}();

inline constexpr std::array<char, 512> hex_pairs = [] {
    constexpr char digit[] = "0123456789abcdef";
    std::array<char, 512> table{};
    for (unsigned i = 0; i < 256; ++i) {
        table[2 * i] = digit[i / 16];
        table[2 * i + 1] = digit[i % 16];
    }
    return table;
}();

// Each octet as up to three digits; the fourth byte says how many.
inline constexpr std::array<char, 1024> octets = [] {
    std::array<char, 1024> table{};
    for (unsigned i = 0; i < 256; ++i) {
        char* to = &table[4 * i];
        const unsigned length = i < 10 ? 1 : i < 100 ? 2 : 3;
        for (unsigned rest = i, at = length; at > 0; rest /= 10)
            to[--at] = static_cast<char>('0' + rest % 10);
        to[3] = static_cast<char>(length);
    }
    return table;
}();

// Three digits each, the first in the lowest byte; the highest byte has the bits of leading zeros
// (of 0 all but one digit).
inline constexpr std::array<std::uint32_t, 1000> triples = [] {
    std::array<std::uint32_t, 1000> table{};
    for (std::uint32_t i = 0; i < 1000; ++i)
        table[i] = ('0' + i / 100) | ('0' + i / 10 % 10) << 8 | ('0' + i % 10) << 16 |
                   (i < 10    ? 16u
                    : i < 100 ? 8u
                              : 0u)
                       << 24;
    return table;
}();

inline constexpr std::uint64_t ascii_zeros = 0x3030303030303030;
inline constexpr std::uint64_t e8 = 100'000'000;
inline constexpr std::uint64_t e16 = e8 * e8;

// The eight decimal digits of a value below 10^8, one a byte, the first digit in the lowest byte.
// Halves the digits per lane three times, all lanes at once: no loop and no branch, so that the
// processor works on the next fields meanwhile.
inline std::uint64_t spread(std::uint32_t value) {
    const std::uint64_t fours = value / 10000 | std::uint64_t{value % 10000} << 32;
    const std::uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007f'0000007f; // / 100
    const std::uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    const std::uint64_t tens = (twos * 103 >> 10) & 0x000f000f'000f000f; // / 10
    return tens | (twos - tens * 10) << 8;
}

} // namespace digits

// Writes 4 bytes, of which up to 3 count.
inline char* put_octet(char* at, std::uint8_t value) {
    std::uint32_t text;
    std::memcpy(&text, &digits::octets[4 * value], 4);
    std::memcpy(at, &text, 4);
    return at + (text >> 24);
}

inline char* put_pair(char* at, unsigned value) { // 0 … 99, always two digits
    std::memcpy(at, &digits::pairs[2 * value], 2);
    return at + 2;
}

inline char* put_hex_byte(char* at, std::uint8_t value) {
    std::memcpy(at, &digits::hex_pairs[2 * value], 2);
    return at + 2;
}

inline char* put_eight(char* at, std::uint64_t value) { // below 10^8, with leading zeros
    const std::uint64_t text =
        digits::spread(static_cast<std::uint32_t>(value)) | digits::ascii_zeros;
    std::memcpy(at, &text, 8);
    return at + 8;
}

// Exactly `width` digits, with leading zeros.
inline char* put_padded(char* at, std::uint64_t value, unsigned width) {
    char* to = at + width;
    for (; to - at >= 2; value /= 100) {
        to -= 2;
        put_pair(to, static_cast<unsigned>(value % 100));
    }
    if (to != at)
        *at = static_cast<char>('0' + value % 10);
    return at + width;
}

inline char* put_u16(char* at, std::uint16_t value) { // writes 8 bytes, of which up to 5 count
    const std::uint32_t thousands = value / 1000u;
    const std::uint32_t high = digits::triples[thousands];
    const std::uint32_t low = digits::triples[value - thousands * 1000u];
    const std::uint64_t six = (high & 0xffffff) | std::uint64_t{low} << 24;
    const unsigned zeros = thousands != 0 ? high >> 24 : 24 + (low >> 24); // bits
    const std::uint64_t text = six >> zeros;
    std::memcpy(at, &text, 8);
    return at + 6 - zeros / 8;
}

// Below 10^8; writes 8 bytes, of which up to 8 count.
inline char* put_small(char* at, std::uint32_t value) {
    const std::uint64_t spread = digits::spread(value);
    const int zeros =
        std::countr_zero(spread | std::uint64_t{1} << 56) & ~7; // bits; one digit stays
    const std::uint64_t text = (spread | digits::ascii_zeros) >> zeros;
    std::memcpy(at, &text, 8);
    return at + 8 - zeros / 8;
}

inline char* put_u32(char* at, std::uint32_t value) {
    if (value < digits::e8)
        return put_small(at, value);
    const std::uint32_t high = value / digits::e8; // 1 … 42
    std::memcpy(at, &digits::octets[4 * high], 4);
    return put_eight(at + (high < 10 ? 1 : 2), value % digits::e8);
}

inline char* put_unsigned(char* at, std::uint64_t value) {
    if (value < digits::e8)
        return put_small(at, static_cast<std::uint32_t>(value));
    if (value < digits::e16) {
        at = put_small(at, static_cast<std::uint32_t>(value / digits::e8));
        return put_eight(at, value % digits::e8);
    }
    at = put_small(at, static_cast<std::uint32_t>(value / digits::e16));
    at = put_eight(at, value / digits::e8 % digits::e8);
    return put_eight(at, value % digits::e8);
}

inline char* put_signed(char* at, std::int64_t value) {
    if (value >= 0)
        return put_unsigned(at, static_cast<std::uint64_t>(value));
    *at = '-';
    return put_unsigned(at + 1, 0 - static_cast<std::uint64_t>(value));
}

} // namespace dynmon
