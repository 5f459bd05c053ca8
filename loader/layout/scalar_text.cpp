// The operations on a scalar that are not worth being inlined.
#include <cmath>

#include "layout/scalar.hpp"

namespace dynmon {

namespace {

using Op = Scalar::Op;

void put_quoted(Cursor& to, std::string_view text, bool json) {
    if (json)
        to.put('"');
    to.put(text);
    if (json) {
        to.reserve(1);
        to.put('"');
    }
}

void put_integer(const Scalar& scalar, const std::byte* root, Cursor& to) {
    to.at = put_wide(to.at, load_integer(scalar, root), scalar.is_signed);
}

void put_enumerator(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const auto value = static_cast<std::int64_t>(load_integer(scalar, root));
    if (const std::string* name = scalar.enumerators->find(value))
        put_quoted(to, *name, json);
    else
        put_integer(scalar, root, to);
}

template <typename Real>
void put_real_of(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const auto value = load<Real>(root + scalar.offset);
    if (json && !std::isfinite(value)) // JSON has neither infinities nor NaN
        to.put("null");
    else
        to.at = put_real(to.at, value);
}

void put_protocol(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const auto value = static_cast<std::uint64_t>(load_integer(scalar, root));
    const std::string_view name = protocol_name(value);
    if (name.empty())
        put_integer(scalar, root, to);
    else
        put_quoted(to, name, json);
}

void put_tcp_flags(const Scalar& scalar, const std::byte* root, Cursor& to) {
    const auto value = static_cast<std::uint64_t>(load_integer(scalar, root));
    to.put(tcp_flags_text(static_cast<std::uint8_t>(value)));
    if (const std::uint64_t rest = value & ~std::uint64_t{0xff}) { // no flags that TCP knows
        if ((value & 0xff) != 0)
            to.put("|");
        to.at = put_pointer(to.at, rest);
    }
}

// 0 is "never": no probe has seen 1970.
void put_time_of(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    constexpr std::int64_t ns_per_second = 1'000'000'000;
    const auto value = load<std::uint64_t>(root + scalar.offset);
    if (value == 0)
        return to.put(json ? "null" : "");
    auto second = static_cast<std::int64_t>(value / ns_per_second);
    auto ns = static_cast<std::int64_t>(value % ns_per_second);
    if (scalar.is_signed && static_cast<std::int64_t>(value) < 0) { // before 1970: rounded down
        second = (static_cast<std::int64_t>(value) + 1) / ns_per_second - 1;
        ns = static_cast<std::int64_t>(value) - second * ns_per_second;
    }
    if (json)
        to.put('"');
    to.at = put_time(to.at, second, static_cast<std::uint32_t>(ns));
    if (json)
        to.put('"');
}

void put_duration_of(const Scalar& scalar, const std::byte* root, Cursor& to) {
    const auto value = load<std::uint64_t>(root + scalar.offset);
    const bool negative = scalar.is_signed && static_cast<std::int64_t>(value) < 0;
    to.at = put_duration(to.at, negative ? 0 - value : value, negative);
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

// What is always quoted in JSON.
void put_string(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    const std::byte* at = root + scalar.offset;
    const std::string_view bytes(reinterpret_cast<const char*>(at), scalar.size);
    switch (scalar.op) {
    case Op::ipv4:
        to.at = put_ipv4(to.at, at);
        return;
    case Op::pointer:
        to.at = put_pointer(to.at, static_cast<std::uint64_t>(load_integer(scalar, root)));
        return;
    case Op::ipv6:
        to.at = put_ipv6(to.at, at);
        return;
    case Op::ip:
        to.at = put_ip(to.at, at);
        return;
    case Op::mac:
        return put_mac(at, to);
    case Op::cidr:
        return put_cidr(scalar, at, to);
    case Op::tcp_flags:
        return put_tcp_flags(scalar, root, to);
    case Op::duration:
        return put_duration_of(scalar, root, to);
    case Op::text:
        return put_text(to, bytes, json);
    case Op::exact_text:
        return put_exact_text(to, bytes, json);
    default:
        return put_hex(to, bytes);
    }
}

} // namespace

void print_slow(const Scalar& scalar, const std::byte* root, Cursor& to, bool json) {
    switch (scalar.op) {
    case Op::null:
        return to.put(json ? "null" : "");
    case Op::wide:
        return put_integer(scalar, root, to);
    case Op::boolean:
        return to.put(load_integer(scalar, root) != 0 ? "true" : "false");
    case Op::enumeration:
        return put_enumerator(scalar, root, to, json);
    case Op::real32:
        return put_real_of<float>(scalar, root, to, json);
    case Op::real64:
        return put_real_of<double>(scalar, root, to, json);
    case Op::protocol:
        return put_protocol(scalar, root, to, json);
    case Op::time:
        return put_time_of(scalar, root, to, json);
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
