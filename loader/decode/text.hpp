// SPDX-License-Identifier: BSD-2-Clause
// How people write what a scalar stands for, and bytes as text and as JSON strings. Each put_…
// writes at most `longest_text` bytes at `at` and returns the new end.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "decode/decode_plan.hpp"
#include "decode/digits.hpp"

namespace dynmon {

// Bytes as text and as JSON strings: what stands for itself, what is escaped, what is replaced.

// Length of the run at the start of `text` that needs no look at its bytes: plain ASCII, and for
// `as_json` without quotes, backslashes and control characters.
std::size_t plain_length(std::string_view text, bool as_json);
std::string_view json_escape(char c); // of a quote, backslash or control character

// Gives `put` the pieces of `text` in order, invalid bytes as U+FFFD, escaped for JSON or not.
template <typename Put>
void spell(std::string_view text, bool as_json, Put&& put) {
    while (!text.empty()) {
        std::size_t taken = plain_length(text, as_json);
        const bool ascii = static_cast<unsigned char>(text.front()) < 0x80;
        if (taken == 0 && !ascii)
            taken = utf8_length(text);
        if (taken != 0)
            put(text.substr(0, taken));
        else
            put(ascii ? json_escape(text.front()) : std::string_view("\xef\xbf\xbd"));
        text.remove_prefix(std::max<std::size_t>(taken, 1));
    }
}

// `text` as a JSON string with its quotes.
void append_json_string(std::string_view text, std::string& out);

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

// Up to the first NUL. Bytes that are no UTF-8 become U+FFFD. `as_json`: escaped, without the
// quotes.
void put_text(Cursor& to, std::string_view bytes, bool as_json);
// The same, but reversible: "0x" and all bytes in hexadecimal when the text is not valid UTF-8,
// goes on after the NUL, or starts with "0x" itself.
void put_exact_text(Cursor& to, std::string_view bytes, bool as_json);
void put_hex(Cursor& to, std::string_view bytes);

} // namespace dynmon
