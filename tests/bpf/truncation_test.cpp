// SPDX-License-Identifier: BSD-2-Clause
// Frames cut at every length: nothing is read that is not there, what is there is counted.
#include <doctest/doctest.h>

#include "mirror.skel.h"
#include "target.hpp"

namespace {

enum { parsed_ip = 0, parsed_malformed = 2 };

struct Sample {
    std::string name;
    Bytes frame;
    std::size_t l3;         // offset of the IP header
    std::size_t l4;         // offset of what the IP header and its extensions carry
    std::size_t l4_header;  // bytes of it which must be there for its length to be known
    std::size_t ports = 4;  // and for ports, or type and code, to be read
    std::uint16_t none = 0; // what is shown where they are not there
};

std::vector<Sample> samples() {
    const Bytes segment =
        tcp({.source = 7, .destination = 9, .flags = 0x12, .options = 3}, payload(6));
    const Bytes datagram = udp(7, 9, payload(6));
    const Ipv4 udp4{.protocol = IPPROTO_UDP};
    const Bytes extended = extension(
        IPPROTO_ROUTING, 0,
        extension(IPPROTO_FRAGMENT, 2,
                  fragment(IPPROTO_DSTOPTS, 0, true, extension(IPPROTO_TCP, 1, segment))));
    return {
        {"IPv4 TCP", ethernet(ETH_P_IP, ipv4({}, segment)), 14, 34, 20},
        {"IPv4 UDP", ethernet(ETH_P_IP, ipv4(udp4, datagram)), 14, 34, 8},
        {"IPv4 ICMP", ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, icmp(0, 9))), 14, 34, 8,
         8, 0xffff},
        {"IPv4 options", ethernet(ETH_P_IP, ipv4({.options = 10}, segment)), 14, 74, 20},
        {"VLAN IPv4", ethernet(ETH_P_8021Q, vlan(5, ETH_P_IP, ipv4({}, segment))), 18, 38, 20},
        {"QinQ IPv4",
         ethernet(ETH_P_8021AD, vlan(5, ETH_P_8021Q, vlan(6, ETH_P_IP, ipv4(udp4, datagram)))), 22,
         42, 8},
        {"IPv6 TCP", ethernet(ETH_P_IPV6, ipv6({}, segment)), 14, 54, 20},
        {"IPv6 UDP", ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP}, datagram)), 14, 54, 8},
        {"IPv6 extensions", ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_HOPOPTS}, extended)), 14,
         54 + 8 + 24 + 8 + 16, 20},
    };
}

decltype(mirror_bpf::mirror_bpf__bss::seen) see(const Target<mirror_bpf>& target,
                                                const Bytes& frame) {
    const auto calls = target->bss->seen.calls;
    target.give(frame);
    CHECK(target->bss->seen.calls == calls + 1);
    return target->bss->seen;
}

const std::string programs[] = {"mirror_egress", "mirror_ingress_xdp"};

} // namespace

TEST_CASE("a frame that is cut off anywhere is malformed, and passes") {
    for (const std::string& program : programs) {
        const Target<mirror_bpf> target(program);
        for (const Sample& sample : samples()) {
            for (std::size_t size = 14; size <= sample.frame.size(); ++size) {
                CAPTURE(program);
                CAPTURE(sample.name);
                CAPTURE(size);
                const bool whole = size == sample.frame.size();
                const auto seen = see(target, first(sample.frame, size));
                CHECK(seen.len == size);
                CHECK(seen.parsed == (whole ? parsed_ip : parsed_malformed));
                if (whole)
                    CHECK(seen.dport == 9);
            }
        }
    }
}

TEST_CASE("an IP packet that ends anywhere is one as soon as its IP headers are whole, and has "
          "ports as soon as they are") {
    for (const std::string& program : programs) {
        const Target<mirror_bpf> target(program);
        for (const Sample& sample : samples()) {
            const std::size_t smallest = sample.l3 + (sample.frame[sample.l3] >> 4 == 4 ? 20 : 40);
            for (std::size_t size = smallest; size <= sample.frame.size(); ++size) {
                CAPTURE(program);
                CAPTURE(sample.name);
                CAPTURE(size);
                const Bytes frame = with_true_length(first(sample.frame, size), sample.l3);
                const auto seen = see(target, frame);
                CHECK(seen.parsed == (size >= sample.l4 ? parsed_ip : parsed_malformed));
                if (size < sample.l4)
                    continue;
                CHECK(seen.ip_bytes == size - sample.l3);
                CHECK(seen.dport == (size >= sample.l4 + sample.ports ? 9 : sample.none));
                CHECK((seen.l4_header != 0) == (size >= sample.l4 + sample.l4_header));
            }
        }
    }
}
