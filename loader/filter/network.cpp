// SPDX-License-Identifier: BSD-2-Clause
#include "filter/network.hpp"

#include <charconv>
#include <cstring>
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

} // namespace dynmon
