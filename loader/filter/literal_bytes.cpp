// SPDX-License-Identifier: BSD-2-Clause
// Addresses, prefixes and bytes of a condition.
#include <charconv>
#include <optional>

#include <arpa/inet.h>

#include "filter/literal.hpp"

namespace dynmon {

namespace {

bool read_hex(std::string_view digits, std::string& bytes) {
    if (digits.starts_with("0x") || digits.starts_with("0X"))
        digits.remove_prefix(2);
    if (digits.size() % 2 != 0)
        return false;
    for (std::size_t i = 0; i < digits.size(); i += 2) {
        unsigned value = 0;
        const auto [end, fault] =
            std::from_chars(digits.data() + i, digits.data() + i + 2, value, 16);
        if (fault != std::errc{} || end != digits.data() + i + 2)
            return false;
        bytes += static_cast<char>(value);
    }
    return true;
}

// 02:00:00:00:00:01 or 02-00-…
bool read_mac(std::string_view text, std::string& bytes) {
    if (text.size() != 17)
        return false;
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i % 3 == 2 && text[i] != ':' && text[i] != '-')
            return false;
        if (i % 3 != 2)
            digits += text[i];
    }
    return read_hex(digits, bytes);
}

constexpr std::string_view mapped_prefix("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

// The prefix length, in bits of the field; -1: the text has none; nullopt: nonsense.
std::optional<int> take_prefix(std::string_view& text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos)
        return -1;
    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    text = text.substr(0, slash);
    if (digits.empty() || fault != std::errc{} || end != digits.data() + digits.size() ||
        length > 128)
        return std::nullopt;
    return static_cast<int>(length);
}

std::optional<BytesLiteral> read_address(Semantic semantic, std::string_view text) {
    const auto prefix = take_prefix(text);
    if (!prefix)
        return std::nullopt;
    char bytes[16];
    const bool is_v4 = inet_pton(AF_INET, std::string(text).c_str(), bytes) == 1;
    if (!is_v4 && inet_pton(AF_INET6, std::string(text).c_str(), bytes) != 1)
        return std::nullopt;
    if ((is_v4 && semantic == Semantic::ipv6) || (!is_v4 && semantic == Semantic::ipv4))
        return std::nullopt;
    const std::size_t size = is_v4 ? 4 : 16;
    if (*prefix > static_cast<int>(size * 8))
        return std::nullopt;
    BytesLiteral literal;
    literal.version = is_v4 ? 4 : 6;
    literal.bytes.assign(bytes, size);
    literal.bits = *prefix < 0 ? size * 8 : static_cast<std::size_t>(*prefix);
    if (is_v4 && semantic == Semantic::ip) {
        literal.bytes.insert(0, mapped_prefix);
        literal.bits += mapped_prefix.size() * 8;
    }
    return literal;
}

std::string expected_address(Semantic semantic) {
    switch (semantic) {
    case Semantic::ipv4:
        return "an IPv4 address or prefix such as 10.0.0.0/8";
    case Semantic::ipv6:
        return "an IPv6 address or prefix such as fd00::/8";
    default:
        return "an address or prefix such as 10.0.0.1 or fd00::/8";
    }
}

} // namespace

BytesLiteral read_bytes_literal(const Layout& field, std::string_view text) {
    BytesLiteral literal;
    literal.bits = field.size * 8;
    switch (field.semantic) {
    case Semantic::ipv4:
    case Semantic::ipv6:
    case Semantic::ip:
        if (const auto address = read_address(field.semantic, text))
            return *address;
        throw no_such_literal(text, expected_address(field.semantic));
    case Semantic::mac:
        if (!read_mac(text, literal.bytes))
            throw no_such_literal(text, "a MAC address such as 02:00:00:00:00:01");
        return literal;
    default:
        if (!read_hex(text, literal.bytes) || literal.bytes.size() != field.size)
            throw no_such_literal(text, std::to_string(field.size) + " bytes as " +
                                            std::to_string(field.size * 2) + " hexadecimal digits");
        return literal;
    }
}

Prefix read_prefix_literal(const Layout& field, std::string_view text) {
    constexpr std::size_t with_ipv4 = 8;
    const Semantic family = field.size == with_ipv4 ? Semantic::ipv4 : Semantic::ipv6;
    const auto address = read_address(family, text);
    if (!address)
        throw no_such_literal(text, expected_address(family));
    return Prefix::of(address->bytes.data(), address->bytes.size(),
                      static_cast<std::uint32_t>(address->bits));
}

} // namespace dynmon
