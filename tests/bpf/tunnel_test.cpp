// SPDX-License-Identifier: BSD-2-Clause
// dynmon_tunnel(): which frames carry others inside, and that everyday traffic is none of them.
#include <doctest/doctest.h>

#include "mirror.skel.h"
#include "runner.hpp"

namespace {

// As enum dynmon_tunnel of bpf/tunnel.h.
enum Tunnel {
    none,
    ipv4_in,
    ipv6_in,
    gre,
    vxlan,
    geneve,
    gtp_u,
    wireguard,
    esp,
    l2tp,
    mpls,
    etherip,
    teredo
};

void expect(const Bytes& frame, Tunnel tunnel) {
    for (const std::string program : {"mirror_ingress", "mirror_ingress_xdp", "mirror_egress"}) {
        CAPTURE(program);
        Loaded<mirror_bpf> probe(program);
        run(probe.fd(), frame);
        CHECK(probe->bss->seen.parsed == 0);
        CHECK(probe->bss->seen.tunnel == tunnel);
    }
}

void expect_protocol(std::uint8_t protocol, const Bytes& inside, Tunnel tunnel) {
    CAPTURE(static_cast<int>(protocol));
    expect(ethernet(ETH_P_IP, ipv4({.protocol = protocol}, inside)), tunnel);
    expect(ethernet(ETH_P_IPV6, ipv6({.next = protocol}, inside)), tunnel);
    expect(ethernet(ETH_P_8021Q, vlan(7, ETH_P_IP, ipv4({.protocol = protocol}, inside))), tunnel);
    expect(ethernet(ETH_P_IP, ipv4({.protocol = protocol, .options = 4}, inside)), tunnel);
    expect(ethernet(ETH_P_IPV6, ipv6({.next = 60}, extension(protocol, 1, inside))), tunnel);
}

void expect_udp(std::uint16_t source, std::uint16_t destination, Tunnel tunnel) {
    CAPTURE(source);
    CAPTURE(destination);
    const Bytes inside = udp(source, destination, payload(64));
    expect(ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, inside)), tunnel);
    expect(ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP}, inside)), tunnel);
}

} // namespace

TEST_CASE("tunnels by protocol: the outer packet is read, the inner one named") {
    const Bytes inner4 = ipv4({.source = "192.168.0.1"}, tcp({}));
    const Bytes inner6 = ipv6({.source = "fd00::1"}, tcp({}));
    expect_protocol(4, inner4, ipv4_in);
    expect_protocol(41, inner6, ipv6_in);
    expect_protocol(47, payload(40), gre);
    expect_protocol(50, payload(40), esp);
    expect_protocol(97, payload(40), etherip);
    expect_protocol(115, payload(40), l2tp);
    expect_protocol(137, payload(40), mpls);

    Loaded<mirror_bpf> probe("mirror_ingress");
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = 4}, inner4)));
    CHECK(probe->bss->seen.protocol == 4);
    CHECK(probe->bss->seen.saddr[15] == 1); // 10.0.0.1, the outer one
    CHECK(probe->bss->seen.saddr[12] == 10);
}

TEST_CASE("tunnels in UDP: by the port that is spoken to, also in the replies") {
    expect_udp(40000, 4789, vxlan);
    expect_udp(40000, 8472, vxlan);
    expect_udp(40000, 6081, geneve);
    expect_udp(40000, 2152, gtp_u);
    expect_udp(40000, 6635, mpls);
    // A source port of these is a hash of what is inside, or a client's own: it says nothing.
    expect_udp(4789, 53, none);
    expect_udp(6081, 53, none);
}

TEST_CASE("tunnels in UDP whose clients keep a port of their own are seen both ways") {
    expect_udp(40000, 51820, wireguard);
    expect_udp(51820, 40000, wireguard);
    expect_udp(40000, 4500, esp);
    expect_udp(4500, 1024, esp);
    expect_udp(1701, 1701, l2tp);
    expect_udp(40000, 3544, teredo);
    expect_udp(3544, 40000, teredo);
}

TEST_CASE("what is no tunnel is none") {
    expect_udp(40000, 53, none);
    for (const int protocol : {1, 51, 89, 253})
        expect(ethernet(ETH_P_IP,
                        ipv4({.protocol = static_cast<std::uint8_t>(protocol)}, payload(40))),
               none);
    // The same numbers as ports of TCP.
    expect(ethernet(ETH_P_IP, ipv4({}, tcp({.source = 51820, .destination = 4789}))), none);
    // A later fragment has no ports, but a protocol.
    const Bytes looks_like_vxlan = udp(40000, 4789, payload(64));
    expect(ethernet(ETH_P_IP,
                    ipv4({.protocol = IPPROTO_UDP, .fragment_offset = 64}, looks_like_vxlan)),
           none);
    expect(ethernet(ETH_P_IP, ipv4({.protocol = 47, .fragment_offset = 64}, payload(64))), gre);
}

TEST_CASE("what cannot be read is no tunnel") {
    Loaded<mirror_bpf> probe("mirror_ingress_xdp");
    run(probe.fd(), first(ethernet(ETH_P_IP, ipv4({.protocol = 47}, payload(40))), 30));
    CHECK(probe->bss->seen.parsed == 2);
    CHECK(probe->bss->seen.tunnel == none);
}
