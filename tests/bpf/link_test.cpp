// SPDX-License-Identifier: BSD-2-Clause
// Where IP begins on devices without a link layer of their own: per packet, see bpf/link.h. What
// leaves such a device is shown on real ones.
#include <doctest/doctest.h>
#include <linux/bpf.h>

#include "mirror.skel.h"
#include "runner.hpp"

namespace {

using Seen = decltype(mirror_bpf::mirror_bpf__bss::seen);

Loaded<mirror_bpf> other_link(const std::string& program) {
    return Loaded<mirror_bpf>(program,
                              [](mirror_bpf& skeleton) { skeleton.rodata->dynmon_link = 1; });
}

void expect(const Loaded<mirror_bpf>& probe, const Bytes& frame, int version, int l3_offset) {
    run(probe.fd(), frame);
    const Seen& seen = probe->bss->seen;
    CHECK(seen.parsed == 0);
    CHECK(seen.ip_version == version);
    CHECK(seen.l3_offset == l3_offset);
    CHECK(seen.ip_bytes == frame.size() - static_cast<std::size_t>(l3_offset));
    CHECK(seen.sport == 40000);
    CHECK(seen.dport == 443);
    CHECK(seen.ethertype == (version == 4 ? ETH_P_IP : ETH_P_IPV6));
}

Bytes with_address(Bytes frame, const Bytes& address) {
    std::copy(address.begin(), address.end(), frame.begin());
    return frame;
}

const Bytes segment = tcp({}, payload(300));

} // namespace

TEST_CASE("XDP on a device without a link layer: the frame starts with the IP header") {
    const Loaded<mirror_bpf> probe = other_link("mirror_ingress_xdp");
    expect(probe, ipv4({}, segment), 4, 0);
    expect(probe, ipv4({.options = 3}, segment), 4, 0);
    expect(probe, ipv6({}, segment), 6, 0);
    // Addresses that look like an EtherType and the begin of an IP header behind it.
    expect(probe, ipv4({.source = "8.0.69.0", .destination = "1.2.3.4"}, segment), 4, 0);
    expect(probe, ipv6({.source = "2001:db8:86dd:6000::1"}, segment), 6, 0);
}

TEST_CASE("XDP on xfrm and vti: what comes in still has an Ethernet header") {
    const Loaded<mirror_bpf> probe = other_link("mirror_ingress_xdp");
    const Bytes v4 = ethernet(ETH_P_IP, ipv4({}, segment));
    const Bytes v6 = ethernet(ETH_P_IPV6, ipv6({}, segment));
    expect(probe, v4, 4, 14);
    expect(probe, v6, 6, 14);
    expect(probe, ethernet(ETH_P_8021Q, vlan(7, ETH_P_IP, ipv4({}, segment))), 4, 18);
    CHECK(probe->bss->seen.vlan == 7);
    // Addresses of Ethernet that look like the begin of an IP header.
    for (const Bytes& address : {Bytes{0x46, 0, 0, 1}, Bytes{0x48, 0x0f, 0xcf, 1},
                                 Bytes{0x60, 0x45, 0xbd, 1, 2, 3}, Bytes{0x6c, 0x2b, 0x59}}) {
        expect(probe, with_address(v4, address), 4, 14);
        expect(probe, with_address(v6, address), 6, 14);
    }
}

TEST_CASE("TC on such a device: IP is where the kernel says") {
    // In a test run the kernel's network header is behind the Ethernet header.
    for (const std::string program : {"mirror_ingress", "mirror_egress"}) {
        CAPTURE(program);
        const Loaded<mirror_bpf> probe = other_link(program);
        expect(probe, ethernet(ETH_P_IP, ipv4({}, segment)), 4, 14);
        expect(probe, ethernet(ETH_P_IPV6, ipv6({}, segment)), 6, 14);
        // Whatever the bytes in front of it look like.
        expect(probe, with_address(ethernet(ETH_P_IP, ipv4({}, segment)), first(ipv4({}, {}), 12)),
               4, 14);
    }
}

TEST_CASE("TC on such a device: a super-packet behind any header is its segments") {
    const Loaded<mirror_bpf> probe = other_link("mirror_ingress");
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(1001)))), {100, 11});
    CHECK(probe->bss->seen.segments == 11);
    CHECK(probe->bss->seen.wire_bytes == 11 * 40 + 1001);
}

TEST_CASE("TC on such a device: the kernel's protocol tells what is not IP") {
    const Loaded<mirror_bpf> probe = other_link("mirror_ingress");
    run(probe.fd(), ethernet(ETH_P_ARP, payload(46)));
    CHECK(probe->bss->seen.parsed == 1);
    CHECK(probe->bss->seen.ethertype == ETH_P_ARP);
}
