// SPDX-License-Identifier: BSD-2-Clause
// dynmon_parse() against frames whose every field is known, alike under TC and XDP.
#include <cstring>

#include <doctest/doctest.h>
#include <linux/icmp.h>
#include <linux/pkt_cls.h>

#include "mirror.skel.h"
#include "runner.hpp"

namespace {

enum { parsed_ip = 0, parsed_not_ip = 1, parsed_malformed = 2 };
enum { fragment_none = 0, fragment_first = 1, fragment_later = 2 };

using Seen = decltype(mirror_bpf::mirror_bpf__bss::seen);

Seen see(const Loaded<mirror_bpf>& probe, const Bytes& frame, Gso gso = {}) {
    const int verdict = run(probe.fd(), frame, gso);
    CHECK(verdict == (probe.xdp() ? static_cast<int>(XDP_PASS) : TC_ACT_UNSPEC));
    return probe->bss->seen;
}

bool is(const __u8 (&bytes)[16], const char* text) {
    return std::memcmp(bytes, address(text).data(), 16) == 0;
}

// Runs `check(probe)` for the TC and the XDP program.
template <typename Check>
void on_both(Check&& check) {
    for (const std::string program : {"mirror_ingress", "mirror_ingress_xdp"}) {
        CAPTURE(program);
        Loaded<mirror_bpf> probe(program);
        check(probe);
    }
}

} // namespace

TEST_CASE("the frame itself: length, direction, hook, one segment") {
    const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(300))));
    on_both([&](const Loaded<mirror_bpf>& probe) {
        const Seen seen = see(probe, frame);
        CHECK(seen.len == frame.size());
        CHECK(seen.direction == 0);
        CHECK(seen.hook == (probe.xdp() ? 1 : 0));
        CHECK(seen.packet_segments == 1);
        CHECK(seen.segments == 1);
        CHECK(seen.gso_size == 0);
        CHECK(seen.vlan_offloaded == 0);
    });
    CHECK(see(Loaded<mirror_bpf>("mirror_egress"), frame).direction == 1);
}

TEST_CASE("IPv4 and TCP: every field, with options in both headers") {
    Bytes frame = ethernet(
        ETH_P_IP,
        ipv4({.source = "192.0.2.1",
              .destination = "198.51.100.7",
              .tos = 0xb8,
              .ttl = 17,
              .options = 10},
             tcp({.source = 5000, .destination = 22, .flags = 0xd7, .options = 10}, payload(100))));
    frame.at(14 + 60 + 12) |= 1; // AE
    on_both([&](const Loaded<mirror_bpf>& probe) {
        const Seen seen = see(probe, frame);
        CHECK(seen.parsed == parsed_ip);
        CHECK(seen.ethertype == ETH_P_IP);
        CHECK(seen.ip_version == 4);
        CHECK(is(seen.saddr, "192.0.2.1"));
        CHECK(is(seen.daddr, "198.51.100.7"));
        CHECK(seen.protocol == IPPROTO_TCP);
        CHECK(seen.tos == 0xb8);
        CHECK(seen.ttl == 17);
        CHECK(seen.sport == 5000);
        CHECK(seen.dport == 22);
        CHECK(seen.tcp_flags == 0xd7);
        CHECK(seen.tcp_control == 0x1d7);
        CHECK(seen.l3_offset == 14);
        CHECK(seen.l4_offset == 14 + 60);
        CHECK(seen.l4_header == 60);
        CHECK(seen.ip_bytes == 60 + 60 + 100);
        CHECK(seen.wire_bytes == 60 + 60 + 100);
        CHECK(seen.fragment == fragment_none);
        CHECK(seen.vlan == 0);
    });
}

TEST_CASE("IPv6 and UDP: every field") {
    const Bytes frame = ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP,
                                                   .source = "fe80::1",
                                                   .destination = "ff02::fb",
                                                   .traffic_class = 0x5a,
                                                   .hop_limit = 255},
                                                  udp(5353, 53, payload(10))));
    on_both([&](const Loaded<mirror_bpf>& probe) {
        const Seen seen = see(probe, frame);
        CHECK(seen.parsed == parsed_ip);
        CHECK(seen.ip_version == 6);
        CHECK(is(seen.saddr, "fe80::1"));
        CHECK(is(seen.daddr, "ff02::fb"));
        CHECK(seen.protocol == IPPROTO_UDP);
        CHECK(seen.tos == 0x5a);
        CHECK(seen.ttl == 255);
        CHECK(seen.sport == 5353);
        CHECK(seen.dport == 53);
        CHECK(seen.tcp_flags == 0);
        CHECK(seen.l4_offset == 54);
        CHECK(seen.l4_header == 8);
        CHECK(seen.ip_bytes == 40 + 8 + 10);
    });
}

TEST_CASE("ICMP: type and code, and both in the destination port as NetFlow has it") {
    const Bytes v4 = ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, icmp(3, 4, payload(20))));
    const Bytes v6 =
        ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_ICMPV6}, icmp(135, 0, payload(20))));
    on_both([&](const Loaded<mirror_bpf>& probe) {
        Seen seen = see(probe, v4);
        CHECK(seen.icmp_type == 3);
        CHECK(seen.icmp_code == 4);
        CHECK(seen.sport == 0);
        CHECK(seen.dport == 3 * 256 + 4);
        seen = see(probe, v6);
        CHECK(seen.icmp_type == 135);
        CHECK(seen.dport == 135 * 256);
    });
}

TEST_CASE(
    "ICMP: type and code that are not in the packet are unknown, not those of an echo reply") {
    const auto expect_unknown = [](const Loaded<mirror_bpf>& probe, const Bytes& frame) {
        const Seen seen = see(probe, frame);
        CHECK(seen.parsed == parsed_ip);
        CHECK(seen.icmp_type == 255);
        CHECK(seen.icmp_code == 255);
        CHECK(seen.sport == 0);
        CHECK(seen.dport == 0xffff);
        CHECK(seen.l4_header == 0);
    };
    const Bytes reply = icmp(0, 0, payload(56));
    on_both([&](const Loaded<mirror_bpf>& probe) {
        for (std::size_t size = 0; size < 8; ++size) {
            CAPTURE(size);
            expect_unknown(
                probe, ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, first(reply, size))));
            Bytes padded = ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_ICMPV6}, first(reply, size)));
            padded.resize(70);
            expect_unknown(probe, padded);
        }
        expect_unknown(
            probe,
            ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP, .fragment_offset = 185}, reply)));
        expect_unknown(probe,
                       ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_FRAGMENT},
                                                 fragment(IPPROTO_ICMPV6, 181, false, reply))));
        const Seen seen = see(probe, ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, reply)));
        CHECK(seen.icmp_type == 0);
        CHECK(seen.icmp_code == 0);
        CHECK(seen.dport == 0);
        CHECK(seen.l4_header == 8);
    });
}

TEST_CASE("protocols with ports have them, others have none") {
    on_both([](const Loaded<mirror_bpf>& probe) {
        for (const int protocol : {33, 132, 136}) {
            const auto next = static_cast<std::uint8_t>(protocol);
            const Seen seen =
                see(probe, ethernet(ETH_P_IP, ipv4({.protocol = next}, udp(7, 9, payload(40)))));
            CHECK(seen.sport == 7);
            CHECK(seen.dport == 9);
        }
        for (const int protocol : {47, 50, 51, 0xfd}) {
            const auto next = static_cast<std::uint8_t>(protocol);
            const Seen seen =
                see(probe, ethernet(ETH_P_IP, ipv4({.protocol = next}, udp(7, 9, payload(40)))));
            CHECK(seen.protocol == protocol);
            CHECK(seen.sport == 0);
            CHECK(seen.dport == 0);
            CHECK(seen.l4_header == 0);
        }
    });
}

TEST_CASE("VLAN: up to four tags of any of the three types, priority tags, and one tag too many") {
    const Bytes ip = ipv4({}, tcp({}));
    const auto one = ethernet(ETH_P_8021Q, vlan(0xe064, ETH_P_IP, ip));
    const auto two = ethernet(ETH_P_8021AD, vlan(7, ETH_P_8021Q, vlan(4095, ETH_P_IP, ip)));
    const auto old = ethernet(ETH_P_QINQ1, vlan(7, ETH_P_8021Q, vlan(8, ETH_P_IP, ip)));
    const auto priority = ethernet(ETH_P_8021Q, vlan(0xe000, ETH_P_8021Q, vlan(9, ETH_P_IP, ip)));
    const auto three =
        ethernet(ETH_P_8021AD, vlan(1, ETH_P_QINQ1, vlan(2, ETH_P_8021Q, vlan(3, ETH_P_IP, ip))));
    const auto four = ethernet(
        ETH_P_8021Q,
        vlan(1, ETH_P_8021Q, vlan(2, ETH_P_8021Q, vlan(3, ETH_P_8021Q, vlan(4, ETH_P_IP, ip)))));
    const auto five = ethernet(
        ETH_P_8021Q, vlan(1, ETH_P_8021Q,
                          vlan(2, ETH_P_8021Q,
                               vlan(3, ETH_P_8021Q, vlan(4, ETH_P_8021Q, vlan(5, ETH_P_IP, ip))))));
    // By the egress program: at ingress the kernel takes the outer tag off before TC.
    for (const std::string program : {"mirror_egress", "mirror_ingress_xdp"}) {
        CAPTURE(program);
        Loaded<mirror_bpf> probe(program);
        const auto expect = [&](const Bytes& frame, int outer, int inner, int l3_offset) {
            const Seen seen = see(probe, frame);
            CHECK(seen.parsed == parsed_ip);
            CHECK(seen.vlan == outer);
            CHECK(seen.vlan_inner == inner);
            CHECK(seen.l3_offset == l3_offset);
            CHECK(seen.dport == 443);
        };
        expect(one, 100, 0, 18);
        expect(two, 7, 4095, 22);
        expect(old, 7, 8, 22);
        expect(priority, 9, 0, 22);
        expect(three, 1, 2, 26);
        expect(four, 1, 2, 30);
        const Seen seen = see(probe, five);
        CHECK(seen.parsed == parsed_not_ip);
        CHECK(seen.ethertype == ETH_P_8021Q);
    }
}

TEST_CASE("IPv4 fragments: the first has ports, the others have none") {
    on_both([](const Loaded<mirror_bpf>& probe) {
        const Bytes body = udp(1234, 5678, payload(64));
        Seen seen =
            see(probe,
                ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP, .more_fragments = true}, body)));
        CHECK(seen.fragment == fragment_first);
        CHECK(seen.sport == 1234);
        seen = see(
            probe,
            ethernet(ETH_P_IP,
                     ipv4({.protocol = IPPROTO_UDP, .fragment_offset = 9, .more_fragments = true},
                          body)));
        CHECK(seen.fragment == fragment_later);
        CHECK(seen.protocol == IPPROTO_UDP);
        CHECK(seen.sport == 0);
        CHECK(seen.dport == 0);
        CHECK(seen.ip_bytes == 20 + body.size());
    });
}

TEST_CASE("IPv6 extension headers are walked, up to six of them") {
    const Bytes inner = tcp({.source = 11, .destination = 22, .flags = 2});
    Bytes body = inner;
    std::uint8_t next = IPPROTO_TCP;
    std::size_t length = 0;
    on_both([&](const Loaded<mirror_bpf>& probe) {
        body = inner;
        next = IPPROTO_TCP;
        length = 0;
        for (int count = 1; count <= 7; ++count) {
            CAPTURE(count);
            const auto words = static_cast<std::uint8_t>(count % 3);
            body = extension(next, words, body);
            length += 8u + words * 8u;
            next =
                std::array<std::uint8_t, 3>{IPPROTO_DSTOPTS, IPPROTO_ROUTING,
                                            IPPROTO_HOPOPTS}[static_cast<std::size_t>(count % 3)];
            const Seen seen = see(probe, ethernet(ETH_P_IPV6, ipv6({.next = next}, body)));
            CHECK(seen.parsed == parsed_ip);
            CHECK(seen.ip_bytes == 40 + body.size());
            CHECK(seen.protocol == (count <= 6 ? IPPROTO_TCP : IPPROTO_ROUTING));
            CHECK(seen.dport == (count <= 6 ? 22 : 0));
            CHECK(seen.tcp_flags == (count <= 6 ? 2 : 0));
            if (count <= 6)
                CHECK(seen.l4_offset == 54 + length);
        }
    });
}

TEST_CASE("every extension header of IPv6 that says what follows is walked") {
    on_both([](const Loaded<mirror_bpf>& probe) {
        const Bytes inner = tcp({.source = 11, .destination = 22});
        // Next header and length field, and as many bytes as that length means.
        const auto header = [&](std::uint8_t length, std::size_t bytes) {
            Bytes result(bytes, 0);
            result[0] = IPPROTO_TCP;
            result[1] = length;
            result.insert(result.end(), inner.begin(), inner.end());
            return result;
        };
        const auto expect = [&](std::uint8_t protocol, std::uint8_t length, std::size_t bytes) {
            CAPTURE(static_cast<int>(protocol));
            CAPTURE(static_cast<int>(length));
            const Seen seen =
                see(probe, ethernet(ETH_P_IPV6, ipv6({.next = protocol}, header(length, bytes))));
            CHECK(seen.parsed == parsed_ip);
            CHECK(seen.protocol == IPPROTO_TCP);
            CHECK(seen.l4_offset == 54 + bytes);
            CHECK(seen.dport == 22);
        };
        for (const std::uint8_t protocol : {0, 43, 60, 135, 139, 140}) {
            expect(protocol, 0, 8);
            expect(protocol, 4, 40);
        }
        expect(51, 4, 24); // AH counts words of 4 bytes, two of them not
        expect(51, 1, 12);
        for (const std::uint8_t protocol : {50, 59, 253}) {
            const Seen seen =
                see(probe, ethernet(ETH_P_IPV6, ipv6({.next = protocol}, header(0, 8))));
            CHECK(seen.protocol == protocol);
            CHECK(seen.dport == 0);
        }
        // IPv4 has no extension headers: AH is what its packet carries.
        CHECK(see(probe, ethernet(ETH_P_IP, ipv4({.protocol = 51}, header(4, 24)))).protocol == 51);
    });
}

TEST_CASE("IPv6 fragments: first, later and atomic") {
    on_both([](const Loaded<mirror_bpf>& probe) {
        const auto see_fragment = [&](std::uint16_t offset, bool more) {
            const Bytes body = extension(IPPROTO_UDP, 0, udp(1234, 5678, payload(64)));
            return see(probe,
                       ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_FRAGMENT},
                                                 fragment(IPPROTO_DSTOPTS, offset, more, body))));
        };
        Seen seen = see_fragment(0, true);
        CHECK(seen.fragment == fragment_first);
        CHECK(seen.protocol == IPPROTO_UDP);
        CHECK(seen.sport == 1234);
        seen = see_fragment(9, false);
        CHECK(seen.fragment == fragment_later);
        CHECK(seen.protocol == IPPROTO_DSTOPTS);
        CHECK(seen.sport == 0);
        CHECK(seen.l4_offset == 14 + 40 + 8);
        seen = see_fragment(0, false);
        CHECK(seen.fragment == fragment_none);
        CHECK(seen.sport == 1234);
    });
}

TEST_CASE("what is not IP counts apart from what is malformed") {
    Bytes bad_version = ipv4({}, tcp({}));
    bad_version[0] = 0x55;
    Bytes short_header = ipv4({}, tcp({}));
    short_header[0] = 0x44;
    Bytes too_long = ipv4({}, tcp({}));
    too_long[3] = 41;
    Bytes too_short = ipv4({}, tcp({}));
    too_short[3] = 19;
    Bytes v6_as_v4 = ipv6({}, tcp({}));
    on_both([&](const Loaded<mirror_bpf>& probe) {
        for (const auto ethertype : {ETH_P_ARP, 0x88cc, 0x0026, 0xffff})
            CHECK(see(probe, ethernet(static_cast<std::uint16_t>(ethertype), payload(46))).parsed ==
                  parsed_not_ip);
        for (const Bytes& ip : {bad_version, short_header, too_long, too_short, v6_as_v4})
            CHECK(see(probe, ethernet(ETH_P_IP, ip)).parsed == parsed_malformed);
        CHECK(see(probe, ethernet(ETH_P_IPV6, ipv4({}, tcp({})))).parsed == parsed_malformed);
    });
}

TEST_CASE("a length of 0 is no length but in a super-packet and in a jumbogram") {
    const Bytes no_next =
        hex("02000000000202000000000186dd6000000000003b40fd000000000000000000000000000001fd0000"
            "00000000000000000000000002000000000000");
    const Bytes v4 =
        hex("02000000000202000000000108004500000000010000401166ea0a0000010a00000200010002000bf963"
            "78797a000000000000000000000000000000");
    // 40 bytes of header and then padding that looks like options, a fragment header and ports.
    Bytes padded = ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP}, udp(1, 2)));
    padded[18] = padded[19] = 0;
    Bytes options = padded;
    options[20] = IPPROTO_HOPOPTS;
    on_both([&](const Loaded<mirror_bpf>& probe) {
        Seen seen = see(probe, no_next);
        CHECK(seen.parsed == parsed_ip);
        CHECK(seen.protocol == 59);
        CHECK(seen.ip_bytes == 40);
        CHECK(seen.wire_bytes == 40);
        CHECK(see(probe, v4).parsed == parsed_malformed);
        seen = see(probe, padded);
        CHECK(seen.parsed == parsed_ip);
        CHECK(seen.ip_bytes == 40);
        CHECK(seen.dport == 0);
        CHECK(see(probe, options).parsed == parsed_malformed);
    });
}

TEST_CASE("a jumbogram says its length in an option, and not less than 65,536" *
          doctest::skip(!has_xdp_frags())) {
    const auto jumbogram = [](std::uint32_t length, std::size_t size) {
        Bytes option = extension(IPPROTO_TCP, 0, tcp({}, payload(size)));
        option[2] = 0xc2;
        option[3] = 4;
        for (int i = 0; i < 4; ++i)
            option[4 + static_cast<std::size_t>(i)] =
                static_cast<std::uint8_t>(length >> (24 - 8 * i));
        Bytes frame = ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_HOPOPTS}, option));
        frame[18] = frame[19] = 0;
        return frame;
    };
    Loaded<mirror_bpf> probe("mirror_ingress_xdp", [](mirror_bpf& skeleton) {
        skeleton.rodata->dynmon_frags = true;
        bpf_program__set_flags(skeleton.progs.mirror_ingress_xdp, BPF_F_XDP_HAS_FRAGS);
    });
    const std::uint32_t bytes = 8 + 20 + 65508; // what the option says: all behind the IPv6 header
    // A test run takes no frame that long: of what says more than there is nothing is read.
    CHECK(see(probe, jumbogram(bytes, 3000)).parsed == parsed_malformed);
    CHECK(see(probe, jumbogram(0xffff, 3000)).parsed == parsed_malformed);
    CHECK(see(probe, jumbogram(8 + 20 + 3000, 3000)).parsed == parsed_malformed);
    CHECK(see(probe, jumbogram(0xfffffff0, 3000)).parsed == parsed_malformed);
}

TEST_CASE("a first fragment that ends within its TCP header has what is there") {
    const Bytes frame =
        hex("02000000000202000000000108004500001c00052000400646d50a0000010a0000029c4001"
            "bb00000000");
    on_both([&](const Loaded<mirror_bpf>& probe) {
        Bytes padded = frame;
        padded.resize(60, 0xff);
        for (const Bytes& each : {frame, padded}) {
            const Seen seen = see(probe, each);
            CHECK(seen.parsed == parsed_ip);
            CHECK(seen.fragment == fragment_first);
            CHECK(seen.ip_bytes == 28);
            CHECK(seen.sport == 40000);
            CHECK(seen.dport == 443);
            CHECK(seen.tcp_flags == 0);
            CHECK(seen.l4_header == 0);
        }
        const Bytes segment = tcp({.flags = 0x12, .options = 3}, payload(20));
        for (const std::size_t size : {8u, 16u, 24u, 32u}) {
            CAPTURE(size);
            const Bytes part = first(segment, size);
            for (const Bytes& cut :
                 {ethernet(ETH_P_IP, ipv4({.more_fragments = true}, part)),
                  ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_FRAGMENT},
                                            fragment(IPPROTO_TCP, 0, true, part)))}) {
                const Seen seen = see(probe, cut);
                CHECK(seen.dport == 443);
                CHECK(seen.tcp_flags == (size >= 16 ? 0x12 : 0));
                CHECK(seen.l4_header == (size >= 24 ? 32 : 0));
            }
        }
    });
}

TEST_CASE("SCTP and DCCP have headers of their own length") {
    on_both([](const Loaded<mirror_bpf>& probe) {
        Bytes body = udp(7, 9, payload(24));
        CHECK(see(probe, ethernet(ETH_P_IP, ipv4({.protocol = 132}, body))).l4_header == 12);
        body[4] = 6; // words
        CHECK(see(probe, ethernet(ETH_P_IP, ipv4({.protocol = 33}, body))).l4_header == 24);
        CHECK(see(probe, ethernet(ETH_P_IP, ipv4({.protocol = 136}, body))).l4_header == 8);
    });
}

TEST_CASE("Ethernet padding is not part of the packet") {
    Bytes v4 = ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, Bytes{1, 2, 3, 4}));
    v4.resize(60, 0x99);
    Bytes v6 = ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_DSTOPTS}, Bytes{6, 0, 0, 0}));
    v6.resize(80, 0);
    on_both([&](const Loaded<mirror_bpf>& probe) {
        const Seen seen = see(probe, v4);
        CHECK(seen.ip_bytes == 24);
        CHECK(seen.sport == 0x0102); // 4 bytes are ports, but no UDP header, whatever follows
        CHECK(seen.dport == 0x0304);
        CHECK(seen.l4_header == 0);
        CHECK(see(probe, v6).parsed == parsed_malformed);
    });
}
