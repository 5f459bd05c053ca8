// SPDX-License-Identifier: BSD-2-Clause
// bpf/session.h as the probe `ddos` shows it: which packets are one session, and which side is its
// server.
#include <doctest/doctest.h>

#include "abi.h"
#include "ddos.skel.h"
#include "sessions.hpp"

namespace {

using Names = std::vector<std::string>;

Names sessions_of(const std::vector<Bytes>& frames) {
    Loaded<ddos_bpf> probe("ddos_ingress");
    for (const Bytes& frame : frames)
        run(probe.fd(), frame);
    return sessions(probe->maps.SESSIONS_TRACKED_DDOS);
}

std::string server_of(const std::vector<Bytes>& frames) {
    Loaded<ddos_bpf> probe("ddos_ingress");
    for (const Bytes& frame : frames)
        run(probe.fd(), frame);
    return server(only_session(probe->obj, probe->maps.SESSIONS_TRACKED_DDOS, "session_value"));
}

const Ipv4 up{};
const Ipv4 down{.source = "10.0.0.2", .destination = "10.0.0.1"};

Bytes tcp_frame(std::uint16_t source, std::uint16_t destination, std::uint8_t flags = 0x10,
                const Ipv4& ip = up) {
    return ethernet(ETH_P_IP,
                    ipv4(ip, tcp({.source = source, .destination = destination, .flags = flags})));
}

Bytes icmp_frame(std::uint8_t type, const Ipv4& way = up) {
    Ipv4 ip = way;
    ip.protocol = IPPROTO_ICMP;
    return ethernet(ETH_P_IP, ipv4(ip, icmp(type, 0)));
}

Bytes icmpv6_frame(std::uint8_t type) {
    return ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_ICMPV6}, icmp(type, 0)));
}

Bytes udp_frame(std::uint16_t source, std::uint16_t destination) {
    return ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, udp(source, destination)));
}

} // namespace

TEST_CASE("both directions of a session have one key, the lower address first") {
    CHECK(sessions_of({tcp_frame(40000, 443), tcp_frame(443, 40000, 0x10, down)}) ==
          Names{"6 10.0.0.1:40000 - 10.0.0.2:443"});
    const Ipv6 back{.source = "2001:db8::2", .destination = "2001:db8::1"};
    CHECK(sessions_of(
              {ethernet(ETH_P_IPV6, ipv6({}, tcp({}))),
               ethernet(ETH_P_IPV6, ipv6(back, tcp({.source = 443, .destination = 40000})))}) ==
          Names{"6 2001:db8::1:40000 - 2001:db8::2:443"});
}

// Little-endian words would order these the other way round.
TEST_CASE("addresses are compared as numbers, from the first byte to the last") {
    CHECK(sessions_of({tcp_frame(1, 2, 0x10, {.source = "1.0.0.2", .destination = "2.0.0.1"}),
                       tcp_frame(2, 1, 0x10, {.source = "2.0.0.1", .destination = "1.0.0.2"})}) ==
          Names{"6 1.0.0.2:1 - 2.0.0.1:2"});
    for (const auto& [low, high] :
         {std::pair("1::ffff", "2::"), std::pair("fe80::1:2", "fe80::2:1"),
          std::pair("::1", "fe80::"), std::pair("2::1", "2:1::")}) {
        CAPTURE(low);
        const Bytes there = ipv6({.source = low, .destination = high}, tcp({}));
        const Bytes back =
            ipv6({.source = high, .destination = low}, tcp({.source = 443, .destination = 40000}));
        CHECK(sessions_of({ethernet(ETH_P_IPV6, back), ethernet(ETH_P_IPV6, there)}) ==
              Names{"6 " + std::string(low) + ":40000 - " + high + ":443"});
    }
}

TEST_CASE("with equal addresses the lower port comes first") {
    const Ipv4 self{.source = "10.0.0.1", .destination = "10.0.0.1"};
    CHECK(sessions_of({tcp_frame(40000, 443, 0x10, self), tcp_frame(443, 40000, 0x10, self)}) ==
          Names{"6 10.0.0.1:443 - 10.0.0.1:40000"});
    CHECK(sessions_of({tcp_frame(256, 1, 0x10, self), tcp_frame(1, 256, 0x10, self)}) ==
          Names{"6 10.0.0.1:1 - 10.0.0.1:256"}); // 256 is the lower one in the wrong byte order
    CHECK(sessions_of({icmp_frame(8, self), icmp_frame(0, self)}) ==
          Names{"1 10.0.0.1:0 - 10.0.0.1:0"});
}

TEST_CASE("sessions differ by protocol, version, ports and VLAN; ICMP has no ports") {
    const Bytes ip = ipv4(up, tcp({}));
    CHECK(sessions_of({ethernet(ETH_P_IP, ip), tcp_frame(40001, 443), udp_frame(40000, 443),
                       icmp_frame(8), icmp_frame(3, down),
                       ethernet(ETH_P_8021Q, vlan(7, ETH_P_IP, ip)),
                       ethernet(ETH_P_8021AD, vlan(9, ETH_P_8021Q, vlan(7, ETH_P_IP, ip)))}) ==
          Names{"1 10.0.0.1:0 - 10.0.0.2:0", "17 10.0.0.1:40000 - 10.0.0.2:443",
                "6 10.0.0.1:40000 - 10.0.0.2:443", "6 10.0.0.1:40000 - 10.0.0.2:443 vlan 7",
                "6 10.0.0.1:40000 - 10.0.0.2:443 vlan 9", "6 10.0.0.1:40001 - 10.0.0.2:443"});
}

TEST_CASE("the server gets the SYN or answers it, whatever the ports are") {
    CHECK(server_of({tcp_frame(80, 40000, 0x02)}) == "10.0.0.2:40000 1");
    CHECK(server_of({tcp_frame(40000, 80, 0x12)}) == "10.0.0.1:40000 1");
    CHECK(server_of({tcp_frame(80, 40000, 0xc2)}) == "10.0.0.2:40000 1"); // asks for ECN
}

TEST_CASE("the server gets the echo request or sends the reply") {
    CHECK(server_of({icmp_frame(8)}) == "10.0.0.2:0 4");
    CHECK(server_of({icmp_frame(0)}) == "10.0.0.1:0 4");
    CHECK(server_of({icmpv6_frame(128)}) == "2001:db8::2:0 4");
    CHECK(server_of({icmpv6_frame(129)}) == "2001:db8::1:0 4");
    CHECK(server_of({icmp_frame(3)}) == "10.0.0.2:0 2"); // no port is below 1024: the destination
    CHECK(server_of({icmpv6_frame(8)}) == "2001:db8::2:0 2");
}

TEST_CASE("otherwise the server has the port below 1024, the destination first") {
    CHECK(server_of({tcp_frame(40000, 443)}) == "10.0.0.2:443 2");
    CHECK(server_of({tcp_frame(443, 40000)}) == "10.0.0.1:443 2");
    CHECK(server_of({udp_frame(53, 123)}) == "10.0.0.2:123 2");
    CHECK(server_of({udp_frame(123, 53)}) == "10.0.0.2:53 2");
    CHECK(server_of({udp_frame(1023, 1024)}) == "10.0.0.1:1023 2");
}

TEST_CASE("otherwise the server has the lower port, with equal ones it is the destination") {
    CHECK(server_of({udp_frame(40000, 3333)}) == "10.0.0.2:3333 3");
    CHECK(server_of({udp_frame(3333, 40000)}) == "10.0.0.1:3333 3");
    CHECK(server_of({udp_frame(3333, 3584)}) == "10.0.0.1:3333 3"); // 0x0d05 and 0x0e00
    CHECK(server_of({udp_frame(5353, 5353)}) == "10.0.0.2:5353 3");
    CHECK(server_of({tcp_frame(1024, 40000, 0x11)}) == "10.0.0.1:1024 3");
}

TEST_CASE("a SYN with FIN or RST opens nothing: the ports tell") {
    for (const std::uint8_t flags : {0x03, 0x06, 0x07, 0x13, 0x16})
        CHECK(server_of({tcp_frame(80, 40000, flags)}) == "10.0.0.1:80 2");
}

TEST_CASE("what is known better replaces a guess, and no guess replaces it") {
    CHECK(server_of({tcp_frame(3333, 40000), tcp_frame(3333, 40000, 0x02)}) ==
          "10.0.0.2:40000 1"); // a SYN after the lower port
    CHECK(server_of({tcp_frame(80, 40000), tcp_frame(40000, 80, 0x12, down)}) ==
          "10.0.0.2:40000 1"); // its answer after the known port
    CHECK(server_of({tcp_frame(80, 40000, 0x02), tcp_frame(80, 40000)}) == "10.0.0.2:40000 1");
    CHECK(server_of({icmp_frame(3), icmp_frame(8, down)}) ==
          "10.0.0.1:0 4"); // an echo after others
    CHECK(server_of({icmp_frame(8), icmp_frame(8, down), icmp_frame(3)}) == "10.0.0.2:0 4");
    CHECK(server_of({udp_frame(5353, 5353), udp_frame(5353, 5353)}) == "10.0.0.2:5353 3");
}

TEST_CASE("a SYN that opens another connection between the same ports replaces the one before") {
    CHECK(server_of({tcp_frame(179, 179, 0x02), tcp_frame(179, 179, 0x12, down),
                     tcp_frame(179, 179, 0x02, down)}) == "10.0.0.1:179 1");
}

TEST_CASE("a session has the same server in the next window") {
    const struct {
        std::vector<Bytes> before, after;
        const char* server;
    } cases[] = {
        {{tcp_frame(80, 40000, 0x02)}, {tcp_frame(80, 40000)}, "10.0.0.2:40000 1"},
        {{udp_frame(5353, 5353)},
         {ethernet(ETH_P_IP,
                   ipv4({.protocol = IPPROTO_UDP, .source = "10.0.0.2", .destination = "10.0.0.1"},
                        udp(5353, 5353)))},
         "10.0.0.2:5353 3"},
        {{tcp_frame(3333, 40000), tcp_frame(3333, 40000, 0x02)},
         {tcp_frame(40000, 3333, 0x10, down)},
         "10.0.0.2:40000 1"},
        {{tcp_frame(3333, 40000)}, {tcp_frame(3333, 40000, 0x02)}, "10.0.0.2:40000 1"},
        {{icmp_frame(8)}, {icmp_frame(3, down)}, "10.0.0.2:0 4"},
    };
    for (const auto& [before, after, expected] : cases) {
        CAPTURE(expected);
        Loaded<ddos_bpf> first("ddos_ingress");
        // As the loader makes the second side: all maps but those of metrics are shared.
        Loaded<ddos_bpf> second("ddos_ingress", [&](ddos_bpf& skeleton) {
            REQUIRE(bpf_map__reuse_fd(skeleton.maps.SERVERS, bpf_map__fd(first->maps.SERVERS)) ==
                    0);
        });
        for (const Bytes& frame : before)
            run(first.fd(), frame);
        for (const Bytes& frame : after)
            run(second.fd(), frame);
        const bpf_map* map = second->maps.SESSIONS_TRACKED_DDOS;
        CHECK(server(only_session(second->obj, map, "session_value")) == expected);
    }
}

TEST_CASE("the first packet of a session says which side is its server") {
    CHECK(server_of({tcp_frame(40000, 8080, 0x02), tcp_frame(8080, 40000, 0x10, down),
                     tcp_frame(40000, 8080, 0x12)}) == "10.0.0.2:8080 1");
}

TEST_CASE("frames without a link layer have sessions too") {
    Loaded<ddos_bpf> probe("ddos_ingress_xdp", [](ddos_bpf& skeleton) {
        skeleton.rodata->dynmon_link = DYNMON_LINK_RAW_IP;
    });
    run(probe.fd(), ipv4(down, tcp({.source = 443, .destination = 40000, .flags = 0x12})));
    run(probe.fd(), ipv6({.next = IPPROTO_UDP}, udp(40000, 53)));
    CHECK(sessions(probe->maps.SESSIONS_TRACKED_DDOS) ==
          Names{"17 2001:db8::1:40000 - 2001:db8::2:53", "6 10.0.0.1:40000 - 10.0.0.2:443"});
    const auto packets = drain(probe->obj, probe->maps.PACKET_BUFFER_DDOS, "features");
    REQUIRE(packets.size() == 2);
    CHECK(packets[0].of("length") == 40);
    CHECK(packets[0].of("tcpFlags") == 0x12);
    CHECK(packets[1].of("length") == 48);
}
