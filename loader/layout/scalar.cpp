// Which operation prints a field in which style; integers of any width in and out of memory.
#include "layout/scalar.hpp"

#include "layout/meaning.hpp"

namespace dynmon {

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
    default:
        return Op::wide;
    }
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
        return field.size == 4 ? Op::real32 : Op::real64;
    case Kind::pointer:
        return style == Style::people ? Op::pointer : plain_integer(field);
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
        return Op::null;
    }
    return Op::null;
}

Op swapped_integer(const Layout& field) {
    if (field.is_signed)
        return Op::wide;
    return field.size == 2 ? Op::swapped16 : field.size == 4 ? Op::swapped32 : Op::swapped64;
}

Op op_of_meaning(const Layout& field) {
    switch (field.meaning) {
    case Meaning::none:
        break;
    case Meaning::ifindex:
        return plain_integer(field);
    case Meaning::ipv4:
        return Op::ipv4;
    case Meaning::ipv6:
        return Op::ipv6;
    case Meaning::ip:
        return Op::ip;
    case Meaning::mac:
        return Op::mac;
    case Meaning::cidr:
        return Op::cidr;
    case Meaning::port:
    case Meaning::big_endian:
        return swapped_integer(field);
    case Meaning::ip_proto:
        return Op::protocol;
    case Meaning::tcp_flags:
        return Op::tcp_flags;
    case Meaning::time_ns:
        return Op::time;
    case Meaning::duration_ns:
        return Op::duration;
    case Meaning::text:
        return Op::text;
    case Meaning::hex:
        return Op::hex;
    }
    return op_of_kind(field, Style::people);
}

} // namespace

bool prints_whole(const Layout& field, Style style) {
    if (style == Style::people)
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
    scalar.op = style == Style::people ? op_of_meaning(field) : op_of_kind(field, style);
    scalar.is_signed = field.is_signed;
    scalar.swapped = style == Style::people &&
                     (field.meaning == Meaning::port || field.meaning == Meaning::big_endian);
    scalar.bit_offset = field.bit_offset;
    scalar.bit_size = field.bit_size;
    scalar.offset = field.offset;
    scalar.size = field.size;
    scalar.enumerators = field.enumerators.get();
    return scalar;
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

} // namespace dynmon
