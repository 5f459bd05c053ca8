// SPDX-License-Identifier: BSD-2-Clause
// One scalar field compiled for printing: a small operation that turns its bytes into text.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "decode/digits.hpp"
#include "decode/text.hpp"

static_assert(std::endian::native == std::endian::little, "values are read as little endian");

namespace dynmon {

struct Scalar {
    enum class Op : std::uint8_t {
        nothing, // writes no text at all
        null,    // what is stored cannot be shown
        // The common integers, in the host's order and (unsigned only) in network order.
        u8,
        u16,
        u32,
        u64,
        i8,
        i16,
        i32,
        i64,
        swapped16,
        swapped32,
        swapped64,
        // Frequent in keys, and short.
        ipv4,
        protocol8,
        tcp_flags8,
        u128,
        i128,
        wide, // any other integer: bitfields and the like, up to 128 bits
        boolean,
        enumeration,
        flags,
        real16,
        real32,
        real64,
        pointer,
        ipv6,
        ip,
        mac,
        cidr,
        protocol,
        ethernet,
        interface,
        tcp_flags,
        time,
        duration,
        boot_time,
        text,
        exact_text,
        hex,
        hex_number,
        name, // of the type: its bytes say nothing
    };
    Op op = Op::nothing;
    bool is_signed = false;
    bool swapped = false; // big endian
    std::uint8_t bit_offset = 0;
    std::uint8_t bit_size = 0;
    std::uint8_t unit = 0;    // of times: 0 ns, 1 µs, 2 ms, 3 s
    bool exact = false;       // Style::raw: nothing may be lost
    bool quoted = false;      // a number that stands for a missing name is a JSON string
    std::uint32_t offset = 0; // from the start of the root value
    std::uint32_t size = 0;
    std::int32_t version_at = 0;          // of ip: see Layout
    const EnumSet* enumerators = nullptr; // owned by the layout's shared_ptr

    static constexpr std::size_t room = longest_text + 2; // what print_scalar needs reserved
};

// `field` must print as one value in `style`: see prints_whole().
Scalar compile_scalar(const Layout& field, Style style);

// The names that its scalar points to; to be kept for as long.
const std::shared_ptr<const EnumSet>& names_of(const Layout& field, Style style);

// One JSON value, or an object or a list of the fields within? Differs from is_scalar() in that
// raw and dynmon take types as they are stored, whatever they stand for.
bool prints_whole(const Layout& field, Style style);

// Stored in the order of the network, by its type or by what it stands for.
bool is_network_order(const Layout& field);

// The address at `at` came in an IPv6 packet, as its struct says.
inline bool is_known_ipv6(std::int32_t version_at, const std::byte* at) {
    return version_at != 0 && at[version_at] == std::byte{6};
}

// Bits of an integer, an enum or a pointer.
unsigned width(const Scalar& scalar);

// Any integer, boolean, enum or bitfield, sign-extended, in the host's order.
unsigned __int128 load_integer(const Scalar& scalar, const std::byte* root);

// A real16, real32 or real64.
double load_real(const Scalar& scalar, const std::byte* root);
void store_real(const Scalar& scalar, double value, std::byte* root);

// The reverse of load_integer; leaves the other bits of a bitfield's bytes alone.
void store_integer(const Scalar& scalar, unsigned __int128 value, std::byte* root);

// Everything that is not worth being inlined.
void print_slow(const Scalar& scalar, const std::byte* root, Cursor& to, bool as_json);

template <typename Integer>
Integer load(const std::byte* from) {
    Integer value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// Writes the scalar of the value at `root` at `at` and returns the new end; for JSON with its
// quotes. Scalar::room must be reserved. `at` is a variable of the caller and not to.at, because a
// register is what makes a long row of short fields fast.
[[gnu::always_inline]] inline char* print_scalar(const Scalar& scalar, const std::byte* root,
                                                 char* at, Cursor& to, bool as_json) {
    const std::byte* from = root + scalar.offset;
    switch (scalar.op) {
    case Scalar::Op::nothing:
        return at;
    case Scalar::Op::u8:
        return put_octet(at, load<std::uint8_t>(from));
    case Scalar::Op::u16:
        return put_u16(at, load<std::uint16_t>(from));
    case Scalar::Op::u32:
        return put_u32(at, load<std::uint32_t>(from));
    case Scalar::Op::u64:
        return put_unsigned(at, load<std::uint64_t>(from));
    case Scalar::Op::i8:
        return put_signed(at, load<std::int8_t>(from));
    case Scalar::Op::i16:
        return put_signed(at, load<std::int16_t>(from));
    case Scalar::Op::i32:
        return put_signed(at, load<std::int32_t>(from));
    case Scalar::Op::i64:
        return put_signed(at, load<std::int64_t>(from));
    case Scalar::Op::swapped16:
        return put_u16(at, __builtin_bswap16(load<std::uint16_t>(from)));
    case Scalar::Op::swapped32:
        return put_u32(at, __builtin_bswap32(load<std::uint32_t>(from)));
    case Scalar::Op::swapped64:
        return put_unsigned(at, __builtin_bswap64(load<std::uint64_t>(from)));
    case Scalar::Op::u128: // a sum, which seldom needs all of them
        if (load<std::uint64_t>(from + 8) == 0)
            return put_unsigned(at, load<std::uint64_t>(from));
        to.at = at;
        print_slow(scalar, root, to, as_json);
        return to.at;
    case Scalar::Op::ipv4:
        if (as_json)
            *at++ = '"';
        at = put_ipv4(at, from);
        if (as_json)
            *at++ = '"';
        return at;
    case Scalar::Op::protocol8: {
        const auto protocol = load<std::uint8_t>(from);
        const ShortText& text = protocol_texts[protocol];
        if (text.size == 0)
            return put_octet(at, protocol);
        if (as_json)
            *at++ = '"';
        at = put_short(at, text);
        if (as_json)
            *at++ = '"';
        return at;
    }
    case Scalar::Op::tcp_flags8:
        if (as_json)
            *at++ = '"';
        at = put_short(at, tcp_flags_texts[load<std::uint8_t>(from)]);
        if (as_json)
            *at++ = '"';
        return at;
    default:
        to.at = at;
        print_slow(scalar, root, to, as_json);
        return to.at;
    }
}

} // namespace dynmon
