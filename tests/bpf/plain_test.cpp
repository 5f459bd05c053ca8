// SPDX-License-Identifier: BSD-2-Clause
// dynmon_parse_plain(): what it takes for plain, and that it then says what dynmon_parse() says.
#include <doctest/doctest.h>

#include "plain.skel.h"
#include "target.hpp"

namespace {

struct Sample {
    std::string name;
    bool plain;
    Bytes frame;
    std::size_t l3 = 14; // offset of the IP header
};

std::vector<Sample> samples() {
    const Bytes segment = tcp({.flags = 0x12, .options = 3}, payload(6));
    const Bytes datagram = udp(7, 9, payload(30));
    const Ipv4 udp4{.protocol = IPPROTO_UDP, .tos = 0xb8, .ttl = 3};
    const Ipv6 udp6{.next = IPPROTO_UDP, .traffic_class = 0xa5, .hop_limit = 3};
    const Bytes echo = icmp(8, 0, payload(40));
    return {
        {"IPv4 TCP", true, ethernet(ETH_P_IP, ipv4({}, segment))},
        {"IPv4 UDP", true, ethernet(ETH_P_IP, ipv4(udp4, datagram))},
        {"IPv6 TCP", true, ethernet(ETH_P_IPV6, ipv6({}, segment))},
        {"IPv6 UDP", true, ethernet(ETH_P_IPV6, ipv6(udp6, datagram))},
        {"IPv4 options", false, ethernet(ETH_P_IP, ipv4({.options = 1}, segment))},
        {"first fragment", false, ethernet(ETH_P_IP, ipv4({.more_fragments = true}, segment))},
        {"later fragment", false, ethernet(ETH_P_IP, ipv4({.fragment_offset = 9}, segment))},
        {"ICMP", false, ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, echo))},
        {"IPv6 extension", false,
         ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_DSTOPTS}, extension(IPPROTO_TCP, 0, segment)))},
        {"VLAN", false, ethernet(ETH_P_8021Q, vlan(5, ETH_P_IP, ipv4({}, segment))), 18},
        {"ARP", false, ethernet(ETH_P_ARP, payload(60))},
    };
}

bool is_plain(const Target<plain_bpf>& target, const Bytes& frame) {
    target->bss->seen.differs = 2;
    target.give(frame);
    CHECK(target->bss->seen.differs == 0);
    return target->bss->seen.plain != 0;
}

const std::string programs[] = {"plain_egress", "plain_ingress_xdp"};

} // namespace

TEST_CASE("TCP and UDP without options, fragments, extensions and tags are plain") {
    for (const std::string& program : programs) {
        const Target<plain_bpf> target(program);
        for (const Sample& sample : samples()) {
            CAPTURE(program);
            CAPTURE(sample.name);
            CHECK(is_plain(target, sample.frame) == sample.plain);
        }
    }
}

TEST_CASE("plain packets that are cut off anywhere are read as dynmon_parse() reads them") {
    for (const std::string& program : programs) {
        const Target<plain_bpf> target(program);
        for (const Sample& sample : samples()) {
            for (std::size_t size = 14; size <= sample.frame.size(); ++size) {
                CAPTURE(program);
                CAPTURE(sample.name);
                CAPTURE(size);
                const bool whole = size == sample.frame.size();
                CHECK(is_plain(target, first(sample.frame, size)) == (whole && sample.plain));
                if (size < sample.l3 + 40)
                    continue;
                const Bytes shorter = with_true_length(first(sample.frame, size), sample.l3);
                const bool plain = is_plain(target, shorter);
                CHECK((!plain || sample.plain));
            }
        }
    }
}

TEST_CASE("a plain super-packet stands for its segments") {
    for (const std::uint32_t segments : {0u, 11u}) {
        Loaded<plain_bpf> probe("plain_ingress");
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.options = 3}, payload(1001)))),
            {100, segments});
        CHECK(probe->bss->seen.plain == 1);
        CHECK(probe->bss->seen.differs == 0);
    }
}
