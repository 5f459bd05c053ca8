// SPDX-License-Identifier: BSD-2-Clause
// Scalars in and out of memory, and the operation that each kind of field is printed by.

#include "decode/scalar.hpp"

#include "btf/semantic.hpp"
#include "decode/scalar_text.hpp"

namespace dynmon {

unsigned width(const Scalar& scalar) {
    return scalar.bit_size != 0 ? scalar.bit_size : scalar.size * 8;
}

double load_real(const Scalar& scalar, const std::byte* root) {
    const std::byte* from = root + scalar.offset;
    if (scalar.size == 8)
        return load<double>(from);
    return scalar.size == 4 ? load<float>(from) : from_half(load<std::uint16_t>(from));
}

void store_real(const Scalar& scalar, double value, std::byte* root) {
    std::byte* at = root + scalar.offset;
    const auto narrow = static_cast<float>(value);
    const std::uint16_t half = to_half(value);
    if (scalar.size == 8)
        std::memcpy(at, &value, 8);
    else if (scalar.size == 4)
        std::memcpy(at, &narrow, 4);
    else
        std::memcpy(at, &half, 2);
}

unsigned __int128 load_integer(const Scalar& scalar, const std::byte* root) {
    const std::byte* at = root + scalar.offset;
    unsigned __int128 value = 0;
    std::memcpy(&value, at, scalar.size < 16 ? scalar.size : 16);
    unsigned bits = scalar.size * 8;
    if (scalar.bit_size != 0) {
        bits = scalar.bit_size;
        value >>= scalar.bit_offset;
        if (scalar.size > 16) // a bitfield of 128 bits may lie across 17 bytes
            value |= static_cast<unsigned __int128>(load<std::uint8_t>(at + 16))
                     << (128 - scalar.bit_offset);
    } else if (scalar.swapped) {
        value = __builtin_bswap64(static_cast<std::uint64_t>(value)) >> (64 - bits);
    }
    if (bits >= 128)
        return value;
    value <<= 128 - bits;
    return scalar.is_signed
               ? static_cast<unsigned __int128>(static_cast<__int128>(value) >> (128 - bits))
               : value >> (128 - bits);
}

void store_integer(const Scalar& scalar, unsigned __int128 value, std::byte* root) {
    std::byte* at = root + scalar.offset;
    if (scalar.bit_size == 0) {
        if (scalar.swapped)
            value = __builtin_bswap64(static_cast<std::uint64_t>(value)) >> (64 - scalar.size * 8);
        std::memcpy(at, &value, scalar.size);
        return;
    }
    for (unsigned i = 0; i < scalar.bit_size; ++i) {
        const unsigned bit = scalar.bit_offset + i;
        const std::byte mask{static_cast<std::uint8_t>(1u << bit % 8)};
        at[bit / 8] = (value >> i & 1) ? at[bit / 8] | mask : at[bit / 8] & ~mask;
    }
}

// Which operation prints a field in which style.

namespace {

using Op = Scalar::Op;
using Kind = Layout::Kind;

bool is_byte_array(const Layout& field) {
    return field.kind == Kind::array && field.count > 0 && is_byte(field.fields.front());
}

Op plain_integer(const Layout& field) {
    if (field.bit_size != 0)
        return Op::wide;
    switch (field.size) {
    case 1:
        return field.is_signed ? Op::i8 : Op::u8;
    case 2:
        return field.is_signed ? Op::i16 : Op::u16;
    case 4:
        return field.is_signed ? Op::i32 : Op::u32;
    case 8:
        return field.is_signed ? Op::i64 : Op::u64;
    case 16:
        return field.is_signed ? Op::i128 : Op::u128;
    default:
        return Op::wide;
    }
}

Op plain_real(const Layout& field) {
    return field.size == 2 ? Op::real16 : field.size == 4 ? Op::real32 : Op::real64;
}

Op opaque(const Layout& field, Style style) {
    if (field.semantic == Semantic::hex)
        return Op::hex;
    return style == Style::decoded && field.names ? Op::name : Op::null;
}

// As stored, whatever it stands for.
Op op_of_kind(const Layout& field, Style style) {
    switch (field.kind) {
    case Kind::integer:
    case Kind::character:
        return plain_integer(field);
    case Kind::boolean:
        return style == Style::raw ? plain_integer(field) : Op::boolean;
    case Kind::enumeration:
        return style == Style::raw ? plain_integer(field) : Op::enumeration;
    case Kind::real:
        return plain_real(field);
    case Kind::pointer:
        return style == Style::decoded ? Op::pointer : plain_integer(field);
    case Kind::array:
        if (!is_byte_array(field))
            return Op::hex;
        if (style == Style::dynmon)
            return Op::text;
        return field.fields.front().kind == Kind::character ? Op::exact_text : Op::hex;
    case Kind::structure:
    case Kind::union_:
        return Op::hex;
    case Kind::opaque:
        return opaque(field, style);
    }
    return Op::null;
}

Op swapped_integer(const Layout& field) {
    if (field.is_signed)
        return Op::wide;
    return field.size == 2 ? Op::swapped16 : field.size == 4 ? Op::swapped32 : Op::swapped64;
}

Op hex_of(const Layout& field) {
    switch (field.kind) {
    case Kind::integer:
    case Kind::boolean:
    case Kind::character:
    case Kind::enumeration:
    case Kind::pointer:
        return Op::hex_number;
    default:
        return Op::hex;
    }
}

Op op_of_semantic(const Layout& field) {
    switch (field.semantic) {
    case Semantic::none:
        return op_of_kind(field, Style::decoded);
    case Semantic::ifindex:
        if (field.names)
            return Op::interface;
        return is_network_order(field) ? swapped_integer(field) : plain_integer(field);
    case Semantic::ipv4:
        return Op::ipv4;
    case Semantic::ipv6:
        return Op::ipv6;
    case Semantic::ip:
        return Op::ip;
    case Semantic::mac:
        return Op::mac;
    case Semantic::cidr:
        return Op::cidr;
    case Semantic::port:
    case Semantic::big_endian:
        return swapped_integer(field);
    case Semantic::ip_proto:
        return is_byte(field) ? Op::protocol8 : Op::protocol;
    case Semantic::eth_proto:
        return Op::ethernet;
    case Semantic::tcp_flags:
        return is_byte(field) ? Op::tcp_flags8 : Op::tcp_flags;
    case Semantic::tcp_state:
    case Semantic::enumeration:
        return Op::enumeration;
    case Semantic::flags:
        return Op::flags;
    case Semantic::time_ns:
    case Semantic::time_us:
    case Semantic::time_ms:
    case Semantic::time_s:
        return Op::time;
    case Semantic::duration_ns:
    case Semantic::duration_us:
    case Semantic::duration_ms:
    case Semantic::duration_s:
        return Op::duration;
    case Semantic::ktime_ns:
        return Op::boot_time;
    case Semantic::boolean:
        return Op::boolean;
    case Semantic::text:
        return Op::text;
    case Semantic::hex:
        return hex_of(field);
    }
    return Op::null;
}

} // namespace

const std::shared_ptr<const EnumSet>& names_of(const Layout& field, Style style) {
    return style == Style::decoded && field.names ? field.names : field.enumerators;
}

bool is_network_order(const Layout& field) {
    return field.big_endian || field.semantic == Semantic::port ||
           field.semantic == Semantic::eth_proto || field.semantic == Semantic::big_endian;
}

// Addresses of 16 bytes, which Dynmon did not have: as the text that its way of showing bytes would
// make of them, they would be lost. Those of IPv4 are the number that they were there.
bool is_long_address(const Layout& field, Style style) {
    return style == Style::dynmon && field.kind == Kind::structure &&
           (field.semantic == Semantic::ip || field.semantic == Semantic::ipv6);
}

bool prints_whole(const Layout& field, Style style) {
    if (style == Style::decoded || is_long_address(field, style))
        return is_scalar(field);
    switch (field.kind) {
    case Kind::structure:
    case Kind::union_:
        return false;
    case Kind::array:
        return is_byte_array(field) &&
               (field.fields.front().kind == Kind::character) == (style == Style::raw);
    default:
        return true;
    }
}

Scalar compile_scalar(const Layout& field, Style style) {
    Scalar scalar;
    scalar.op = style == Style::decoded || is_long_address(field, style) ? op_of_semantic(field)
                                                                         : op_of_kind(field, style);
    scalar.is_signed = field.is_signed;
    scalar.swapped = style == Style::decoded && is_network_order(field);
    scalar.bit_offset = field.bit_offset;
    scalar.bit_size = field.bit_size;
    scalar.unit = clock_unit(field.semantic);
    scalar.exact = style == Style::raw || is_long_address(field, style);
    scalar.offset = field.offset;
    scalar.size = field.size;
    scalar.version_at = field.version_at;
    scalar.enumerators = names_of(field, style).get();
    return scalar;
}

} // namespace dynmon
