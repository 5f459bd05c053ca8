// One scalar field compiled for printing: a small operation that turns its bytes into text.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "layout/cursor.hpp"
#include "layout/decode_plan.hpp"
#include "layout/digits.hpp"
#include "layout/layout.hpp"
#include "layout/text.hpp"

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
        wide, // any other integer, up to 128 bits
        boolean,
        enumeration,
        real32,
        real64,
        pointer,
        ipv4,
        ipv6,
        ip,
        mac,
        cidr,
        protocol,
        tcp_flags,
        time,
        duration,
        text,
        exact_text,
        hex,
    };
    Op op = Op::nothing;
    bool is_signed = false;
    bool swapped = false; // big endian
    std::uint8_t bit_offset = 0;
    std::uint8_t bit_size = 0;
    std::uint32_t offset = 0; // from the start of the root value
    std::uint32_t size = 0;
    const EnumSet* enumerators = nullptr; // owned by the layout's shared_ptr

    static constexpr std::size_t room = longest_text + 2; // what print_scalar needs reserved
};

// `field` must print as one value in `style`: see prints_whole().
Scalar compile_scalar(const Layout& field, Style style);

// One JSON value, or an object or a list of the fields within? Differs from is_scalar() in that
// raw and dynmon take types as they are stored, whatever they stand for.
bool prints_whole(const Layout& field, Style style);

// Any integer, boolean, enum or bitfield, sign-extended, in the host's order.
unsigned __int128 load_integer(const Scalar& scalar, const std::byte* root);

// The reverse; leaves the other bits of a bitfield's bytes alone.
void store_integer(const Scalar& scalar, unsigned __int128 value, std::byte* root);

// Everything that is not worth being inlined.
void print_slow(const Scalar& scalar, const std::byte* root, Cursor& to, bool json);

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
                                                 char* at, Cursor& to, bool json) {
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
    default:
        to.at = at;
        print_slow(scalar, root, to, json);
        return to.at;
    }
}

} // namespace dynmon
