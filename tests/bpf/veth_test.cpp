// SPDX-License-Identifier: BSD-2-Clause
// Packets as only a real device makes them: tags taken off, headers in pages, unmarked
// super-packets.
#include <chrono>

#include <sched.h>

#include <doctest/doctest.h>

#include "mirror.skel.h"
#include "runner.hpp"
#include "veth.hpp"

namespace {

// Receiving is the kernel's own business after send() has returned: wait for it, but not for ever.
bool called(const Loaded<mirror_bpf>& probe, std::uint64_t times) {
    const auto* calls = const_cast<const volatile __u64*>(&probe->bss->seen.calls);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (*calls < times && std::chrono::steady_clock::now() < deadline)
        ::sched_yield();
    return *calls == times;
}

} // namespace

TEST_CASE("the VLAN tag that the kernel takes off before TC ingress is seen, and one behind it") {
    const VethPair link;
    Loaded<mirror_bpf> probe("mirror_ingress");
    link.attach_tc(probe.fd(), true);
    const Bytes ip = ipv4({}, tcp({}));

    link.send("right", ethernet(ETH_P_8021Q, vlan(0x6064, ETH_P_IP, ip)));
    REQUIRE(called(probe, 1));
    const auto& seen = probe->bss->seen;
    CHECK(seen.vlan_offloaded == 1);
    CHECK((seen.vlan_tci & 0xefff) == 0x6064);
    CHECK(seen.vlan == 100);
    CHECK(seen.vlan_inner == 0);
    CHECK(seen.l3_offset == 14);
    CHECK(seen.dport == 443);

    link.send("right", ethernet(ETH_P_8021AD, vlan(7, ETH_P_8021Q, vlan(8, ETH_P_IP, ip))));
    REQUIRE(called(probe, 2));
    CHECK(seen.vlan == 7);
    CHECK(seen.vlan_inner == 8);
    CHECK(seen.l3_offset == 18);
    CHECK(seen.dport == 443);

    link.send("right", ethernet(ETH_P_IP, ip));
    REQUIRE(called(probe, 3));
    CHECK(seen.vlan_offloaded == 0);
    CHECK(seen.vlan == 0);
}

TEST_CASE("as many VLAN tags are read where the kernel took one off as where it did not") {
    const VethPair link;
    Loaded<mirror_bpf> probe("mirror_ingress");
    link.attach_tc(probe.fd(), true);
    const auto& seen = probe->bss->seen;
    const Bytes three =
        vlan(2, ETH_P_8021Q, vlan(3, ETH_P_QINQ1, vlan(4, ETH_P_IP, ipv4({}, tcp({})))));

    link.send("right", ethernet(ETH_P_8021AD, vlan(1, ETH_P_8021Q, three)));
    REQUIRE(called(probe, 1));
    CHECK(seen.vlan_offloaded == 1);
    CHECK(seen.parsed == 0);
    CHECK(seen.vlan == 1);
    CHECK(seen.vlan_inner == 2);
    CHECK(seen.l3_offset == 26);
    CHECK(seen.dport == 443);

    link.send("right", ethernet(ETH_P_8021Q, vlan(9, ETH_P_8021Q, vlan(1, ETH_P_8021Q, three))));
    REQUIRE(called(probe, 2));
    CHECK(seen.parsed == 1);
    CHECK(seen.ethertype == ETH_P_QINQ1);

    // A tag of this type stays in the bytes.
    link.send("right", ethernet(ETH_P_QINQ1, vlan(1, ETH_P_IP, ipv4({}, tcp({})))));
    REQUIRE(called(probe, 3));
    CHECK(seen.vlan_offloaded == 0);
    CHECK(seen.vlan == 1);
    CHECK(seen.dport == 443);
}

TEST_CASE("headers that lie in pages are read") {
    const VethPair link;
    Loaded<mirror_bpf> probe("mirror_egress");
    link.attach_tc(probe.fd(), false);
    VirtioHeader header;
    header.hdr_len = 14;
    const auto& seen = probe->bss->seen;

    link.send("left", ethernet(ETH_P_IP, ipv4({.options = 5}, tcp({}, payload(5000)))), header);
    REQUIRE(called(probe, 1));
    CHECK(seen.linear == 14);
    CHECK(seen.parsed == 0);
    CHECK(seen.sport == 40000);
    CHECK(seen.dport == 443);
    CHECK(seen.ip_bytes == 40 + 20 + 5000);

    const Bytes body = extension(IPPROTO_UDP, 3, udp(5, 6, payload(5000)));
    link.send("left", ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_HOPOPTS}, body)), header);
    REQUIRE(called(probe, 2));
    CHECK(seen.linear == 14);
    CHECK(seen.protocol == IPPROTO_UDP);
    CHECK(seen.sport == 5);
    CHECK(seen.dport == 6);
}

TEST_CASE("a super-packet whose sender does not say of how many segments it is") {
    const VethPair link;
    Loaded<mirror_bpf> probe("mirror_egress");
    link.attach_tc(probe.fd(), false);
    VirtioHeader header;
    header.flags = 1;
    header.gso_type = 1;
    header.hdr_len = 54;
    header.gso_size = 1448;
    header.csum_start = 34;
    header.csum_offset = 16;

    link.send("left", ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(20 * 1448 + 1)))), header);
    REQUIRE(called(probe, 1));
    const auto& seen = probe->bss->seen;
    CHECK(seen.gso_size == 1448);
    CHECK(seen.packet_segments == 21);
    CHECK(seen.segments == 21);
    CHECK(seen.wire_bytes == 21 * 40 + 20 * 1448 + 1);
}
