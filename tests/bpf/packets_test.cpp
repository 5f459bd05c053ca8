// SPDX-License-Identifier: BSD-2-Clause
// The packet counter counts what is on the wire, in the direction of the program.
#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "packets.skel.h"
#include "runner.hpp"

namespace {

std::uint64_t count(const Loaded<packets_bpf>& probe, const bpf_map* map) {
    const __u32 zero = 0;
    return Value(probe->obj, map, &zero).sum();
}

const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(100))));
const Bytes arp = ethernet(ETH_P_ARP, payload(28));

} // namespace

TEST_CASE("packets counts every frame once and lets it pass, under TC and XDP") {
    for (const std::string program : {"packets_ingress", "packets_ingress_xdp"}) {
        CAPTURE(program);
        Loaded<packets_bpf> probe(program);
        const int pass = probe.xdp() ? static_cast<int>(XDP_PASS) : TC_ACT_UNSPEC;
        CHECK(run(probe.fd(), frame) == pass);
        CHECK(run(probe.fd(), arp) == pass);
        CHECK(run(probe.fd(), first(arp, 14)) == pass);
        CHECK(count(probe, probe->maps.PKT_COUNTER) == 3);
        CHECK(count(probe, probe->maps.PKT_COUNTER_EGRESS) == 0);
    }
}

TEST_CASE("packets counts egress in a map of its own") {
    Loaded<packets_bpf> probe("packets_egress");
    CHECK(run(probe.fd(), frame) == TC_ACT_UNSPEC);
    CHECK(count(probe, probe->maps.PKT_COUNTER) == 0);
    CHECK(count(probe, probe->maps.PKT_COUNTER_EGRESS) == 1);
}

TEST_CASE("packets counts the segments of a super-packet") {
    Loaded<packets_bpf> probe("packets_ingress");

    SUBCASE("as many as the kernel says") {
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(1000)))), {100, 7});
        CHECK(count(probe, probe->maps.PKT_COUNTER) == 7);
    }
    SUBCASE("where it does not say: TCP over IPv4, the last segment not full") {
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.options = 3}, tcp({.options = 3}, payload(901)))),
            {100, 0});
        CHECK(count(probe, probe->maps.PKT_COUNTER) == 10);
    }
    SUBCASE("where it does not say: TCP over IPv6 in two VLANs, all segments full") {
        const Bytes inner = ipv6({}, tcp({}, payload(1000)));
        run(probe.fd(), ethernet(ETH_P_8021AD, vlan(7, ETH_P_8021Q, vlan(8, ETH_P_IPV6, inner))),
            {100, 0});
        CHECK(count(probe, probe->maps.PKT_COUNTER) == 10);
    }
    SUBCASE("where it does not say: UDP") {
        run(probe.fd(),
            ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, udp(1, 2, payload(1001)))),
            {100, 0});
        CHECK(count(probe, probe->maps.PKT_COUNTER) == 11);
    }
}
