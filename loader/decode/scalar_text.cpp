// SPDX-License-Identifier: BSD-2-Clause
// The operations on a scalar that are not worth being inlined.
#include "decode/scalar_text.hpp"

#include <cmath>

namespace dynmon {

namespace {

using Op = Scalar::Op;

constexpr std::uint64_t tcp_ae = 0x100; // the ninth flag, once NS

void put_quoted(Cursor& to, std::string_view text, bool json) {
    if (json)
        to.put('"');
    to.put(text);
    if (json) {
        to.reserve(1);
        to.put('"');
    }
}

void put_enumerator(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const auto value = static_cast<std::int64_t>(load_word(scalar, root));
    if (const std::string* name = scalar.enumerators->find(value))
        put_quoted(to, *name, json);
    else
        put_nameless(scalar, root, to, json);
}

// Unlike an enumerator's, the name of an interface may hold any byte but '/' and blanks.
void put_interface(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const auto index = static_cast<std::int64_t>(load_word(scalar, root));
    const std::string* name = scalar.enumerators->find(index);
    if (!name)
        return put_nameless(scalar, root, to, json);
    const bool numbered = scalar.enumerators->numbered;
    if (json)
        to.put("\"");
    if (numbered) {
        to.at = put_wide(to.at, load_integer(scalar, root), scalar.is_signed);
        to.put(" (");
    }
    put_text(to, *name, json);
    if (numbered)
        to.put(")");
    if (json)
        to.put("\"");
}

void put_protocol(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const std::string_view name = protocol_name(load_word(scalar, root));
    if (name.empty())
        put_nameless(scalar, root, to, json);
    else
        put_quoted(to, name, json);
}

template <typename Real>
void put_finite_or_word(const Scalar& scalar, Real value, std::uint64_t bits, Cursor& to,
                        bool json) {
    if (!json || std::isfinite(value)) {
        to.at = put_real(to.at, value);
    } else if (!scalar.exact) { // JSON has neither infinities nor NaN
        to.put("null");
    } else {
        to.put('"');
        to.at = put_pointer(to.at, bits);
        to.put('"');
    }
}

void put_real_of(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const std::byte* from = root + scalar.offset;
    if (scalar.op == Op::real64)
        return put_finite_or_word(scalar, load<double>(from), load<std::uint64_t>(from), to, json);
    const std::uint64_t bits =
        scalar.op == Op::real32 ? load<std::uint32_t>(from) : load<std::uint16_t>(from);
    put_finite_or_word(scalar, static_cast<float>(load_real(scalar, root)), bits, to, json);
}

void put_ethernet(const Scalar& scalar, const std::byte* root, Cursor& to) {
    const std::uint64_t value = load_word(scalar, root);
    const std::string_view name = ethernet_name(value);
    if (name.empty())
        to.at = put_pointer(to.at, value);
    else
        to.put(name);
}

void put_tcp_flags(const Scalar& scalar, const std::byte* root, Cursor& to) {
    const std::uint64_t value = load_word(scalar, root);
    const std::uint64_t rest = value & ~(2 * tcp_ae - 1);
    std::string_view separator = "";
    if ((value & 0xff) != 0 || value == 0) {
        to.put(tcp_flags_text(static_cast<std::uint8_t>(value)));
        separator = "|";
    }
    if ((value & tcp_ae) != 0) {
        to.put(separator);
        to.put("AE");
        separator = "|";
    }
    if (rest != 0) { // no flags that TCP knows
        to.put(separator);
        to.at = put_pointer(to.at, rest);
    }
}

// Names as long as they say something new; what is left over is a number.
void put_flags(const Scalar& scalar, const std::byte* root, Cursor& to) {
    std::uint64_t rest = load_word(scalar, root);
    if (width(scalar) < 64)
        rest &= (std::uint64_t{1} << width(scalar)) - 1;
    if (rest == 0)
        return to.put("0");
    std::string_view separator = "";
    for (const auto& [value, name] : scalar.enumerators->values) {
        const auto bits = static_cast<std::uint64_t>(value);
        if ((rest & bits) != bits)
            continue;
        to.put(separator);
        to.put(name);
        separator = "|";
        rest &= ~bits;
    }
    if (rest == 0)
        return;
    to.put(separator);
    to.reserve(longest_text);
    to.at = put_pointer(to.at, rest);
}

void put_hex_number(const Scalar& scalar, const std::byte* root, Cursor& to) {
    unsigned __int128 value = load_integer(scalar, root);
    if (width(scalar) < 128)
        value &= (static_cast<unsigned __int128>(1) << width(scalar)) - 1;
    const auto high = static_cast<std::uint64_t>(value >> 64);
    const auto low = static_cast<std::uint64_t>(value);
    to.at = put_pointer(to.at, high != 0 ? high : low);
    if (high == 0)
        return;
    for (int shift = 56; shift >= 0; shift -= 8)
        to.at = put_hex_byte(to.at, static_cast<std::uint8_t>(low >> shift));
}

void put_mac(const std::byte* bytes, Cursor& to) {
    for (int i = 0; i < 6; ++i) {
        to.at = put_hex_byte(to.at, load<std::uint8_t>(bytes + i));
        to.put(':');
    }
    --to.at;
}

// As it is stored: bits beyond the prefix are shown too.
void put_cidr(const Scalar& scalar, const std::byte* at, Cursor& to) {
    constexpr std::uint32_t with_ipv4 = 8;
    to.at = scalar.size == with_ipv4 ? put_ipv4(to.at, at + 4) : put_ipv6(to.at, at + 4);
    to.put('/');
    to.at = put_u32(to.at, load<std::uint32_t>(at));
}

// ::ffff:a.b.c.d, unless its struct says that it came in IPv6.
bool is_ipv4(const Scalar& scalar, const std::byte* at) {
    constexpr unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(at, mapped, sizeof mapped) == 0 && !is_known_ipv6(scalar.version_at, at);
}

// What is always quoted in JSON.
void put_string(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const std::byte* at = root + scalar.offset;
    const std::string_view bytes(reinterpret_cast<const char*>(at), scalar.size);
    switch (scalar.op) {
    case Op::pointer:
        to.at = put_pointer(to.at, static_cast<std::uint64_t>(load_integer(scalar, root)));
        return;
    case Op::ipv6:
        to.at = put_ipv6(to.at, at);
        return;
    case Op::ip:
        to.at = is_known_ipv6(scalar.version_at, at) ? put_ipv6(to.at, at) : put_ip(to.at, at);
        return;
    case Op::mac:
        return put_mac(at, to);
    case Op::ethernet:
        return put_ethernet(scalar, root, to);
    case Op::cidr:
        return put_cidr(scalar, at, to);
    case Op::tcp_flags:
        return put_tcp_flags(scalar, root, to);
    case Op::flags:
        return put_flags(scalar, root, to);
    case Op::hex_number:
        return put_hex_number(scalar, root, to);
    case Op::name:
        return put_text(to, scalar.enumerators->name, json);
    case Op::text:
        return put_text(to, bytes, json);
    case Op::exact_text:
        return put_exact_text(to, bytes, json);
    default:
        return put_hex(to, bytes);
    }
}

} // namespace

std::uint64_t load_word(const Scalar& scalar, const std::byte* root) {
    if (scalar.size == 8 && scalar.bit_size == 0 && !scalar.swapped)
        return load<std::uint64_t>(root + scalar.offset);
    return static_cast<std::uint64_t>(load_integer(scalar, root));
}

void put_nameless(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const bool quoted = json && scalar.quoted;
    if (quoted)
        to.put('"');
    to.at = put_wide(to.at, load_integer(scalar, root), scalar.is_signed);
    if (quoted)
        to.put('"');
}

void print_slow(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    switch (scalar.op) {
    case Op::null:
        return to.put(json ? "null" : "");
    case Op::u128:
    case Op::i128:
    case Op::wide:
        to.at = put_wide(to.at, load_integer(scalar, root), scalar.is_signed);
        return;
    case Op::boolean:
        return to.put(load_integer(scalar, root) != 0 ? "true" : "false");
    case Op::enumeration:
        return put_enumerator(scalar, root, to, json);
    case Op::real16:
    case Op::real32:
    case Op::real64:
        return put_real_of(scalar, root, to, json);
    case Op::interface:
        return put_interface(scalar, root, to, json);
    case Op::protocol:
        return put_protocol(scalar, root, to, json);
    case Op::time:
    case Op::duration:
    case Op::boot_time:
        return put_clock(scalar, root, to, json);
    case Op::ip:
        if (scalar.exact && is_ipv4(scalar, root + scalar.offset)) {
            to.at = put_u32(to.at, load<std::uint32_t>(root + scalar.offset + 12));
            return;
        }
        break;
    default:
        break;
    }
    if (json)
        to.put('"');
    put_string(scalar, root, to, json);
    if (json) {
        to.reserve(1);
        to.put('"');
    }
}

} // namespace dynmon
