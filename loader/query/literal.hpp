// Literals of a condition, read in the type of the field that they are compared with.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "layout/layout.hpp"
#include "query/field_value.hpp"

namespace dynmon {

// Each throws Error{usage} that says what was expected when the text is no such literal, or one
// that the field cannot hold.

// 443, -1, 0xff, 1_000, 1.5MB, 2GiB; the name of an enum, protocol, state or interface; flags
// SYN|ACK; durations 5ms; times 2026-11-21T01:02:03Z and now-5m, down to the field's unit.
// `now_ns`: since the Unix epoch. As the field's value is loaded: sign-extended to 128 bits.
unsigned __int128 read_integer_literal(const Layout& field, std::string_view text,
                                       std::uint64_t now_ns);
bool read_boolean_literal(std::string_view text);
double read_real_literal(const Layout& field, std::string_view text); // rounded as the field is

// The bytes of an address or of hexadecimal digits, in the order of the field's bytes, of which the
// first `bits` count: those of a prefix such as 10.0.0.0/8.
struct BytesLiteral {
    std::string bytes;
    std::size_t bits = 0;
};
BytesLiteral read_bytes_literal(const Layout& field, std::string_view text);

// A prefix or (all of its bits) an address of the family that the key of a trie has.
Prefix read_prefix_literal(const Layout& field, std::string_view text);

} // namespace dynmon
