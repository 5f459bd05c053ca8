// SPDX-License-Identifier: BSD-2-Clause
#include "filter/field_value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <tuple>

#include <arpa/inet.h>

#include "base/error.hpp"

namespace dynmon {

namespace {

constexpr std::string_view mapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

Error no_network(std::string_view text, const std::string& why) {
    return Error(ErrorKind::usage, "'" + std::string(text) + "' " + why);
}

// "8" and not "08", "+8" or "8 ".
std::uint32_t parse_length(std::string_view text, std::string_view digits, std::uint32_t most) {
    std::uint32_t length = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, fault] = std::from_chars(digits.data(), end, length);
    const bool padded = digits.size() > 1 && digits.front() == '0';
    if (fault != std::errc{} || stop != end || padded || length > most)
        throw no_network(text, "has no length from 0 to " + std::to_string(most) + " behind the /");
    return length;
}

} // namespace

Network Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string address(text.substr(0, slash));
    unsigned char bytes[16] = {};
    Network network;
    network.ipv4 = inet_pton(AF_INET, address.c_str(), bytes) == 1;
    if (address.find('\0') != std::string::npos ||
        (!network.ipv4 && inet_pton(AF_INET6, address.c_str(), bytes) != 1))
        throw no_network(text, "is no address or prefix").hint("such as 10.0.0.0/8 or fd00::/8");
    const std::size_t size = network.ipv4 ? 4 : 16;
    auto length = static_cast<std::uint32_t>(size * 8);
    if (slash != std::string_view::npos)
        length = parse_length(text, text.substr(slash + 1), length);
    if (!network.ipv4 && length >= 96 && std::memcmp(bytes, mapped.data(), mapped.size()) == 0)
        throw no_network(text, "is IPv4 in the form of IPv6")
            .hint("no packet has that: write it as an IPv4 prefix");
    network.prefix = Prefix::of(bytes, size, length);
    if (std::memcmp(network.prefix.address.data(), bytes, size) != 0)
        throw no_network(text, "has bits behind its length")
            .hint("did you mean " + network.text() + "?");
    return network;
}

std::string Network::text() const {
    char buffer[INET6_ADDRSTRLEN];
    inet_ntop(ipv4 ? AF_INET : AF_INET6, prefix.address.data(), buffer, sizeof buffer);
    return buffer + ("/" + std::to_string(prefix.length));
}

bool Network::contains(const Network& other) const {
    return ipv4 == other.ipv4 && other.prefix.lies_within(prefix);
}

bool operator<(const Network& a, const Network& b) {
    return std::make_tuple(!a.ipv4, a.prefix.address, a.prefix.length) <
           std::make_tuple(!b.ipv4, b.prefix.address, b.prefix.length);
}

namespace {

template <typename T>
int order(const T& a, const T& b) {
    return a < b ? -1 : b < a ? 1 : 0;
}

double placed(double value) { // NaN has no place in an order
    return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

} // namespace

Prefix Prefix::of(const void* address, std::size_t size, std::uint32_t length) {
    Prefix prefix;
    size = std::min(size, prefix.address.size());
    prefix.length = std::min(length, static_cast<std::uint32_t>(size * 8));
    const std::size_t whole = prefix.length / 8;
    std::memcpy(prefix.address.data(), address, whole);
    if (const unsigned rest = prefix.length % 8; rest != 0)
        prefix.address[whole] =
            static_cast<const unsigned char*>(address)[whole] & (0xff00u >> rest & 0xffu);
    return prefix;
}

bool Prefix::lies_within(const Prefix& other) const {
    return length >= other.length &&
           of(address.data(), address.size(), other.length).address == other.address;
}

ValueClass value_class(const Layout& field) {
    switch (field.semantic) {
    case Semantic::ipv4:
    case Semantic::ipv6:
    case Semantic::ip:
    case Semantic::mac:
        return ValueClass::bytes;
    case Semantic::hex: // of an integer only another way to write it
        if (holds_number(field))
            break;
        return ValueClass::bytes;
    case Semantic::cidr:
        return ValueClass::prefix;
    case Semantic::boolean: // an integer of which all but 0 is true
        return ValueClass::boolean;
    case Semantic::text:
        return ValueClass::text;
    default:
        break;
    }
    switch (field.kind) {
    case Layout::Kind::integer:
    case Layout::Kind::character:
    case Layout::Kind::enumeration:
    case Layout::Kind::pointer:
        return ValueClass::integer;
    case Layout::Kind::boolean:
        return ValueClass::boolean;
    case Layout::Kind::real:
        return ValueClass::real;
    default:
        return ValueClass::opaque;
    }
}

FieldValue::FieldValue(const Layout& field)
    : kind_(value_class(field)), width_(Width::other),
      scalar_(compile_scalar(field, Style::decoded)) {
    width_ = width_of(scalar_);
}

FieldValue::Width FieldValue::width_of(const Scalar& scalar) {
    if (scalar.bit_size != 0 || scalar.swapped)
        return Width::other;
    switch (scalar.size) {
    case 1:
        return Width::one;
    case 2:
        return Width::two;
    case 4:
        return Width::four;
    case 8:
        return Width::eight;
    case 16:
        return Width::sixteen;
    default:
        return Width::other;
    }
}

double FieldValue::real(const std::byte* root) const {
    return load_real(scalar_, root);
}

std::string_view FieldValue::text(const std::byte* root) const {
    const std::string_view all(reinterpret_cast<const char*>(root + scalar_.offset), scalar_.size);
    return all.substr(0, all.find('\0'));
}

Prefix FieldValue::prefix(const std::byte* root) const {
    constexpr std::size_t length_size = 4; // always in the host's order
    const std::byte* at = root + scalar_.offset;
    return Prefix::of(at + length_size, scalar_.size - length_size, load<std::uint32_t>(at));
}

int FieldValue::compare(const Prefix& a, const Prefix& b) {
    const int by_address = std::memcmp(a.address.data(), b.address.data(), a.address.size());
    return by_address != 0 ? by_address : order(a.length, b.length);
}

int FieldValue::compare(unsigned __int128 a, unsigned __int128 b) const {
    return scalar_.is_signed ? order(static_cast<__int128>(a), static_cast<__int128>(b))
                             : order(a, b);
}

int FieldValue::compare(const std::byte* a, const std::byte* b) const {
    switch (kind_) {
    case ValueClass::integer:
        return compare(integer(a), integer(b));
    case ValueClass::boolean:
        return order(integer(a) != 0, integer(b) != 0);
    case ValueClass::real:
        return order(placed(real(a)), placed(real(b)));
    case ValueClass::bytes:
        return compare_bytes(bytes(a), bytes(b));
    case ValueClass::prefix:
        return compare(prefix(a), prefix(b));
    case ValueClass::text:
        return text(a).compare(text(b));
    case ValueClass::opaque:
        break;
    }
    return 0;
}

} // namespace dynmon
