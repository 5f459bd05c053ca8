// SPDX-License-Identifier: BSD-2-Clause
// Literals of a condition, read in the type of the field that they are compared with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "filter/field_value.hpp"

namespace dynmon {

// Numbers, durations and times as people write them; each nullopt for a text that is none.

struct ExactNumber {
    bool negative = false;
    bool too_large = false; // beyond 128 bits
    unsigned __int128 size = 0;
};

// 443, -1, 0xff, 1_000, 1.5MB (10^6), 2GiB (2^30), 64K (10^3). A fraction must come out even.
std::optional<ExactNumber> parse_exact_number(std::string_view text);
// In ns: 5s, 1.25ms, 3us, 10ns, 2m, 1h, 7d, -5s; 0 without a unit.
std::optional<ExactNumber> parse_exact_duration(std::string_view text);
// In ns since the Unix epoch: 2026-11-21, 2026-11-21T01:02[:03[.5]][Z|+02:00], now, now-5m.
std::optional<__int128> parse_exact_time(std::string_view text, std::uint64_t now_ns);

// Each throws Error{usage} that says what was expected when the text is no such literal, or one
// that the field cannot hold.

// 443, -1, 0xff, 1_000, 1.5MB, 2GiB; an enum's or protocol's name; flags SYN|ACK; durations 5ms;
// times 2026-11-21T01:02:03Z and now-5m, in the unit of the field. `now_ns`: since the Unix epoch.
// As the field's value is loaded: sign-extended to 128 bits.
unsigned __int128 read_integer_literal(const Layout& field, std::string_view text,
                                       std::uint64_t now_ns);
bool read_boolean_literal(std::string_view text);
double read_real_literal(const Layout& field, std::string_view text); // rounded as the field is

// The bytes of an address or of hexadecimal digits, in the order of the field's bytes, of which the
// first `bits` count: those of a prefix such as 10.0.0.0/8.
struct BytesLiteral {
    std::string bytes;
    std::size_t bits = 0;
    int version = 0; // of an address: 4 or 6, as it was written
};
BytesLiteral read_bytes_literal(const Layout& field, std::string_view text);

// A prefix or (all of its bits) an address of the family that the key of a trie has.
Prefix read_prefix_literal(const Layout& field, std::string_view text);
// 'x' is not `expected`, for what no literal of the field's type can be.
Error no_such_literal(std::string_view text, const std::string& expected);

// Those of fields with a semantic whose values have names, and of clocks. nullopt: no such name.
std::optional<unsigned __int128> named_value(const Layout& field, std::string_view name);
unsigned __int128 read_clock_literal(const Layout& field, std::string_view text,
                                     std::uint64_t now_ns);
// `number` as the field's value is loaded; throws when the field cannot hold it.
unsigned __int128 fitted_or_refused(const Layout& field, const ExactNumber& number,
                                    std::string_view text);

} // namespace dynmon
