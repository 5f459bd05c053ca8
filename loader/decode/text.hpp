// SPDX-License-Identifier: BSD-2-Clause
// How people write what a scalar stands for. Each put_… writes at most `longest_text` bytes at `at`
// and returns the new end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "decode/cursor.hpp"
#include "decode/digits.hpp"

namespace dynmon {

inline constexpr std::size_t longest_text = 64;

inline char* put_ipv4(char* at, const std::byte* address) {
    const auto octet = [&](int i) { return std::to_integer<std::uint8_t>(address[i]); };
    at = put_octet(at, octet(0));
    for (int i = 1; i < 4; ++i) {
        *at++ = '.';
        at = put_octet(at, octet(i));
    }
    return at;
}
bool is_mapped(const std::byte* address);           // of 16 bytes: ::ffff:0:0/96
char* put_ipv6(char* at, const std::byte* address); // RFC 5952
char* put_ip(char* at, const std::byte* address);   // IPv4-mapped as a.b.c.d
// "2026-11-21T01:02:03.123456789Z"; `second` of the Unix epoch, years 0 to 9999.
char* put_time(char* at, std::int64_t second, std::uint32_t ns);
char* put_duration(char* at, std::uint64_t ns, bool negative);                       // "1.25s"
char* put_seconds(char* at, std::uint64_t seconds, std::uint32_t ns, bool negative); // likewise
char* put_wide(char* at, unsigned __int128 value, bool is_signed);
char* put_pointer(char* at, std::uint64_t value); // "0xffff888100000000"
// As short as it can be read back exactly; "1.0" and not "1"; "NaN", "+Inf", "-Inf".
char* put_real(char* at, double value);
char* put_real(char* at, float value);

// Copied as a block of 32 bytes, of which `size` count: quicker than a copy of just so many.
struct ShortText {
    char text[31];
    std::uint8_t size;
};
inline char* put_short(char* at, const ShortText& text) {
    std::memcpy(at, text.text, sizeof text.text);
    return at + text.size;
}
extern const std::array<ShortText, 256> protocol_texts;  // size 0: none
extern const std::array<ShortText, 256> tcp_flags_texts; // "SYN|ACK"

std::string_view protocol_name(std::uint64_t protocol); // IANA's keyword; "": none
std::string_view ethernet_name(std::uint64_t protocol); // "IPv4"; "": none
std::string_view tcp_flags_text(std::uint8_t flags);    // "SYN|ACK"

// Up to the first NUL. Bytes that are no UTF-8 become U+FFFD. `json`: escaped, without the quotes.
void put_text(Cursor& to, std::string_view bytes, bool json);
// The same, but reversible: "0x" and all bytes in hexadecimal when the text is not valid UTF-8,
// goes on after the NUL, or starts with "0x" itself.
void put_exact_text(Cursor& to, std::string_view bytes, bool json);
void put_hex(Cursor& to, std::string_view bytes);

} // namespace dynmon
