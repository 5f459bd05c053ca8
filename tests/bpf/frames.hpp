// SPDX-License-Identifier: BSD-2-Clause
// Builds frames from the inside out: ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, udp(53,
// 9))).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>

#include <linux/if_ether.h>

using Bytes = std::vector<std::uint8_t>;
using Address = std::array<std::uint8_t, 16>;

Address address(const std::string& text); // "10.0.0.1" gives ::ffff:10.0.0.1

struct Ipv4 {
    std::uint8_t protocol = IPPROTO_TCP;
    std::string source = "10.0.0.1";
    std::string destination = "10.0.0.2";
    std::uint8_t tos = 0;
    std::uint8_t ttl = 64;
    std::uint8_t options = 0;          // words of 4 bytes
    std::uint16_t fragment_offset = 0; // in units of 8 bytes
    bool more_fragments = false;
    bool dont_fragment = false;
};

struct Ipv6 {
    std::uint8_t next = IPPROTO_TCP;
    std::string source = "2001:db8::1";
    std::string destination = "2001:db8::2";
    std::uint8_t traffic_class = 0;
    std::uint8_t hop_limit = 64;
};

struct Tcp {
    std::uint16_t source = 40000;
    std::uint16_t destination = 443;
    std::uint8_t flags = 0x10; // ACK
    std::uint8_t options = 0;  // words of 4 bytes
    std::uint32_t ack = 0;
    std::uint16_t window = 0;
};

Bytes payload(std::size_t size);
Bytes tcp(const Tcp& header, const Bytes& body = {});
Bytes udp(std::uint16_t source, std::uint16_t destination, const Bytes& body = {});
Bytes icmp(std::uint8_t type, std::uint8_t code, const Bytes& body = {}); // also ICMPv6
Bytes ipv4(const Ipv4& header, const Bytes& body);
Bytes ipv6(const Ipv6& header, const Bytes& body);
Bytes extension(std::uint8_t next, std::uint8_t further_words, const Bytes& body); // words of 8
Bytes fragment(std::uint8_t next, std::uint16_t offset, bool more, const Bytes& body);
Bytes vlan(std::uint16_t tci, std::uint16_t ethertype, const Bytes& body); // behind an 802.1Q type
Bytes ethernet(std::uint16_t ethertype, const Bytes& body);

// The same frame with the length in its IP header (at `l3_offset`) set to what is there.
Bytes with_true_length(Bytes frame, std::size_t l3_offset);

Bytes first(const Bytes& frame, std::size_t size);
Bytes hex(std::string_view digits);
