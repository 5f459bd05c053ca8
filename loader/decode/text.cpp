// SPDX-License-Identifier: BSD-2-Clause
// The texts of text.hpp, except the tables of protocols and flags (scalar_text.cpp).

#include "decode/text.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

#include "decode/digits.hpp"

namespace dynmon {

// What JSON strings escape.

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

namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

std::uint8_t octet(const std::byte* bytes, std::size_t i) {
    return std::to_integer<std::uint8_t>(bytes[i]);
}

struct Run {
    std::size_t start = 8;
    std::size_t length = 1; // a single zero group is not shortened
};

Run longest_zero_run(const std::array<unsigned, 8>& groups) {
    Run best;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        std::size_t end = i;
        while (end < groups.size() && groups[end] == 0)
            ++end;
        if (end - i > best.length)
            best = {i, end - i};
        i = end;
    }
    return best;
}

char* put_group(char* at, unsigned group) {
    return std::to_chars(at, at + 4, group, 16).ptr;
}

// Digits of the fraction without the zeros at the end; nothing at all for 0.
char* put_fraction(char* at, std::uint64_t ns) {
    if (ns == 0)
        return at;
    *at++ = '.';
    at = put_padded(at, ns, 9);
    while (at[-1] == '0')
        --at;
    return at;
}

// JSON numbers and their readers keep a real apart from an integer by the point or the exponent.
template <typename Real>
char* put_finite(char* at, Real value) {
    const Real size = std::fabs(value);
    if (size != 0 && (size < Real(1e-4) || size >= Real(1e15)))
        return std::to_chars(at, at + longest_text, value, std::chars_format::scientific).ptr;
    char* end = std::to_chars(at, at + longest_text, value, std::chars_format::fixed).ptr;
    if (std::string_view(at, static_cast<std::size_t>(end - at)).find('.') ==
        std::string_view::npos) {
        *end++ = '.';
        *end++ = '0';
    }
    return end;
}

template <typename Real>
char* put_any_real(char* at, Real value) {
    if (std::isfinite(value))
        return put_finite(at, value);
    const std::string_view text = std::isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf";
    return at + text.copy(at, text.size());
}

std::string_view until_nul(std::string_view bytes) {
    return bytes.substr(0, bytes.find('\0'));
}

} // namespace

bool is_mapped(const std::byte* address) {
    static constexpr std::array<unsigned char, 12> prefix = {0, 0, 0, 0, 0,    0,
                                                             0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(address, prefix.data(), prefix.size()) == 0;
}

char* put_ipv6(char* at, const std::byte* address) {
    if (is_mapped(address)) {
        at += std::string_view("::ffff:").copy(at, 7);
        return put_ipv4(at, address + 12);
    }
    std::array<unsigned, 8> groups{};
    for (std::size_t i = 0; i < groups.size(); ++i)
        groups[i] = octet(address, 2 * i) << 8 | octet(address, 2 * i + 1);
    const Run run = longest_zero_run(groups);
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (i == run.start) {
            *at++ = ':';
            i += run.length - 1;
            if (i == groups.size() - 1)
                *at++ = ':';
            continue;
        }
        if (i != 0)
            *at++ = ':';
        at = put_group(at, groups[i]);
    }
    return at;
}

char* put_ip(char* at, const std::byte* address) {
    return is_mapped(address) ? put_ipv4(at, address + 12) : put_ipv6(at, address);
}

char* put_time(char* at, std::int64_t second, std::uint32_t ns) {
    using namespace std::chrono;
    const sys_seconds when{seconds{second}};
    const auto day = floor<days>(when);
    const year_month_day date{day};
    const auto of_day = static_cast<unsigned>((when - day).count());
    at = put_padded(at, static_cast<unsigned>(static_cast<int>(date.year())), 4);
    *at++ = '-';
    at = put_pair(at, static_cast<unsigned>(date.month()));
    *at++ = '-';
    at = put_pair(at, static_cast<unsigned>(date.day()));
    *at++ = 'T';
    at = put_pair(at, of_day / 3600);
    *at++ = ':';
    at = put_pair(at, of_day / 60 % 60);
    *at++ = ':';
    at = put_pair(at, of_day % 60);
    *at++ = '.';
    at = put_eight(at, ns / 10);
    *at++ = static_cast<char>('0' + ns % 10);
    *at++ = 'Z';
    return at;
}

char* put_duration(char* at, std::uint64_t ns, bool negative) {
    return put_seconds(at, ns / ns_per_second, static_cast<std::uint32_t>(ns % ns_per_second),
                       negative);
}

char* put_seconds(char* at, std::uint64_t seconds, std::uint32_t ns, bool negative) {
    if (negative)
        *at++ = '-';
    at = put_unsigned(at, seconds);
    at = put_fraction(at, ns);
    *at++ = 's';
    return at;
}

char* put_wide(char* at, unsigned __int128 value, bool is_signed) {
    if (is_signed && static_cast<__int128>(value) < 0) {
        *at++ = '-';
        value = 0 - value;
    }
    constexpr std::uint64_t chunk = 10 * digits::e16 * 100; // 10^19, the largest power in 64 bits
    const unsigned __int128 high = value / chunk;
    const auto low = static_cast<std::uint64_t>(value % chunk);
    if (high == 0)
        return put_unsigned(at, low);
    at = high < chunk ? put_unsigned(at, static_cast<std::uint64_t>(high))
                      : put_wide(at, high, false);
    return put_padded(at, low, 19);
}

char* put_pointer(char* at, std::uint64_t value) {
    *at++ = '0';
    *at++ = 'x';
    return std::to_chars(at, at + 16, value, 16).ptr;
}

char* put_real(char* at, double value) {
    return put_any_real(at, value);
}
char* put_real(char* at, float value) {
    return put_any_real(at, value);
}

void put_text(Cursor& to, std::string_view bytes, bool json) {
    spell(until_nul(bytes), json, [&](std::string_view piece) { to.put(piece); });
}

void put_exact_text(Cursor& to, std::string_view bytes, bool json) {
    const std::string_view text = until_nul(bytes);
    const bool rest_is_zero = bytes.find_first_not_of('\0', text.size()) == std::string_view::npos;
    if (rest_is_zero && !text.starts_with("0x") && is_utf8(text))
        return put_text(to, bytes, json);
    to.put("0x");
    put_hex(to, bytes);
}

void put_hex(Cursor& to, std::string_view bytes) {
    for (const char byte : bytes) {
        to.reserve(2);
        to.at = put_hex_byte(to.at, static_cast<std::uint8_t>(byte));
    }
}

} // namespace dynmon
