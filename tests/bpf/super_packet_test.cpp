// SPDX-License-Identifier: BSD-2-Clause
// Super-packets of GRO and GSO: packets and bytes as they are on the wire, whatever they carry.
#include <doctest/doctest.h>
#include <linux/bpf.h>

#include "mirror.skel.h"
#include "runner.hpp"

namespace {

using Seen = decltype(mirror_bpf::mirror_bpf__bss::seen);

Seen see(const Loaded<mirror_bpf>& probe, const Bytes& frame, Gso gso) {
    run(probe.fd(), frame, gso);
    return probe->bss->seen;
}

Bytes joined(Bytes start, const Bytes& rest) {
    start.insert(start.end(), rest.begin(), rest.end());
    return start;
}

Bytes vxlan(const Bytes& frame, Bytes header = {8, 0, 0, 0, 0, 0, 42, 0}) {
    return udp(50000, 4789, joined(std::move(header), frame));
}

Bytes geneve(std::uint16_t type, std::uint8_t option_words, const Bytes& inside) {
    Bytes header = {option_words,
                    0,
                    static_cast<std::uint8_t>(type >> 8),
                    static_cast<std::uint8_t>(type),
                    0,
                    0,
                    42,
                    0};
    header.resize(8 + option_words * 4u, 9);
    return udp(50000, 6081, joined(header, inside));
}

Bytes gre(std::uint16_t type, std::uint8_t flags, std::size_t words, const Bytes& inside) {
    Bytes header = {flags, 0, static_cast<std::uint8_t>(type >> 8),
                    static_cast<std::uint8_t>(type)};
    header.resize(4 + words * 4, 3);
    return joined(header, inside);
}

// The header that says a length beyond 64 KiB, in front of `body`.
Bytes jumbo(std::uint8_t next, const Bytes& body) {
    Bytes result = extension(next, 0, body);
    result[2] = 0xc2;
    result[3] = 4;
    result[5] = 1;
    return result;
}

Bytes without_length(Bytes packet) {
    const std::size_t at = packet[0] >> 4 == 4 ? 2 : 4;
    packet[at] = packet[at + 1] = 0;
    return packet;
}

// Options of an ip6tnl device: the limit of encapsulations.
Bytes limited(std::uint8_t next, const Bytes& inside) {
    return extension(next, 0, inside);
}

struct Sample {
    std::string name;
    Bytes frame;
    std::uint64_t headers;    // of each packet on the wire, from IP on
    std::uint64_t absent = 0; // bytes of the frame that are in none of them
};

constexpr std::uint32_t size = 100; // payload of a segment
constexpr std::uint64_t bytes = 1001;

std::vector<Sample> samples() {
    const Bytes segment = tcp({.options = 3}, payload(bytes)); // 32 bytes of header
    const Bytes v4 = ipv4({}, segment);
    const Bytes v6 = ipv6({}, segment);
    const Bytes big = without_length(ipv6({.next = IPPROTO_HOPOPTS}, jumbo(IPPROTO_TCP, segment)));
    const Bytes inner4 = ethernet(ETH_P_IP, v4);
    const Bytes inner6 = ethernet(ETH_P_IPV6, v6);
    const auto over4 = [](std::uint8_t protocol, const Bytes& body) {
        return ethernet(ETH_P_IP, ipv4({.protocol = protocol}, body));
    };
    const auto over6 = [](std::uint8_t protocol, const Bytes& body) {
        return ethernet(ETH_P_IPV6, ipv6({.next = protocol}, body));
    };
    return {
        {"IPv4 TCP", inner4, 52},
        {"IPv4 TCP, options", ethernet(ETH_P_IP, ipv4({.options = 1}, segment)), 56},
        {"IPv6 TCP", inner6, 72},
        {"IPv6 TCP, extension", over6(IPPROTO_DSTOPTS, extension(IPPROTO_TCP, 1, segment)), 88},
        {"VLAN", ethernet(ETH_P_8021Q, vlan(5, ETH_P_IP, v4)), 52},
        {"four VLAN tags",
         ethernet(ETH_P_8021Q,
                  vlan(1, ETH_P_8021Q,
                       vlan(2, ETH_P_8021Q, vlan(3, ETH_P_QINQ1, vlan(4, ETH_P_IPV6, v6))))),
         72},
        {"UDP", over4(IPPROTO_UDP, udp(7, 9, payload(bytes))), 28},
        {"SCTP", over4(IPPROTO_SCTP, joined(first(udp(7, 9, Bytes(4)), 12), payload(bytes))), 32},
        {"BIG TCP over IPv4", ethernet(ETH_P_IP, without_length(v4)), 52},
        {"BIG TCP with its header", ethernet(ETH_P_IPV6, big), 72, 8},
        {"BIG TCP without it", ethernet(ETH_P_IPV6, without_length(v6)), 72},
        {"VXLAN", over4(IPPROTO_UDP, vxlan(inner4)), 28 + 8 + 14 + 52},
        {"VXLAN over IPv6", over6(IPPROTO_UDP, vxlan(inner6)), 48 + 8 + 14 + 72},
        {"VXLAN, VLAN inside",
         over4(IPPROTO_UDP, vxlan(ethernet(ETH_P_8021Q, vlan(5, ETH_P_IP, v4)))), 28 + 8 + 18 + 52},
        {"VXLAN, VLAN outside",
         ethernet(ETH_P_8021Q, vlan(5, ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, vxlan(inner4)))),
         28 + 8 + 14 + 52},
        {"VXLAN, group policy", over4(IPPROTO_UDP, vxlan(inner4, {0x88, 0, 0, 7, 0, 0, 42, 0})),
         28 + 8 + 14 + 52},
        {"VXLAN, IP inside", over4(IPPROTO_UDP, vxlan(v4, {0x0c, 0, 0, 1, 0, 0, 42, 0})),
         28 + 8 + 52},
        {"VXLAN, another port",
         over4(IPPROTO_UDP, udp(1, 2, joined({8, 0, 0, 0, 0, 0, 42, 0}, inner4))),
         28 + 8 + 14 + 52},
        {"VXLAN, BIG TCP inside",
         ethernet(ETH_P_IP, without_length(
                                ipv4({.protocol = IPPROTO_UDP}, vxlan(ethernet(ETH_P_IPV6, big))))),
         28 + 8 + 14 + 72, 8},
        {"VXLAN, UDP inside",
         over4(IPPROTO_UDP, vxlan(over6(IPPROTO_UDP, udp(7, 9, payload(bytes))))),
         28 + 8 + 14 + 48},
        {"Geneve", over4(IPPROTO_UDP, geneve(ETH_P_TEB, 0, inner4)), 28 + 8 + 14 + 52},
        {"Geneve, options", over6(IPPROTO_UDP, geneve(ETH_P_TEB, 10, inner6)),
         48 + 8 + 40 + 14 + 72},
        {"Geneve, IP inside", over4(IPPROTO_UDP, geneve(ETH_P_IPV6, 2, v6)), 28 + 8 + 8 + 72},
        {"GRE", over4(IPPROTO_GRE, gre(ETH_P_IP, 0, 0, v4)), 20 + 4 + 52},
        {"GRE, checksum, key and number", over4(IPPROTO_GRE, gre(ETH_P_IPV6, 0xb0, 3, v6)),
         20 + 16 + 72},
        {"GRE, key", over4(IPPROTO_GRE, gre(ETH_P_IP, 0x20, 1, v4)), 20 + 8 + 52},
        {"gretap", over4(IPPROTO_GRE, gre(ETH_P_TEB, 0, 0, inner4)), 20 + 4 + 14 + 52},
        {"ip6gre", over6(IPPROTO_DSTOPTS, limited(IPPROTO_GRE, gre(ETH_P_IP, 0, 0, v4))),
         40 + 8 + 4 + 52},
        {"IPIP", over4(IPPROTO_IPIP, v4), 20 + 52},
        {"6in4", over4(IPPROTO_IPV6, v6), 20 + 72},
        {"6in4, BIG TCP inside",
         ethernet(ETH_P_IP, without_length(ipv4({.protocol = IPPROTO_IPV6}, big))), 20 + 72, 8},
        {"ip6tnl, IPv4 inside", over6(IPPROTO_DSTOPTS, limited(IPPROTO_IPIP, v4)), 40 + 8 + 52},
        {"ip6tnl, IPv6 inside", over6(IPPROTO_DSTOPTS, limited(IPPROTO_IPV6, v6)), 40 + 8 + 72},
    };
}

const std::string programs[] = {"mirror_ingress", "mirror_egress"};

} // namespace

TEST_CASE("a super-packet is its segments with all headers up to the innermost transport") {
    const std::uint32_t segments = (bytes + size - 1) / size;
    for (const std::string& program : programs) {
        const Loaded<mirror_bpf> probe(program);
        for (const Sample& sample : samples()) {
            for (const std::uint32_t told : {segments, 0u}) {
                CAPTURE(program);
                CAPTURE(sample.name);
                CAPTURE(told);
                const Seen seen = see(probe, sample.frame, {.size = size, .segments = told});
                CHECK(seen.parsed == 0);
                CHECK(seen.gso_size == size);
                CHECK(seen.segments == segments);
                CHECK(seen.wire_bytes == segments * sample.headers + bytes);
                CHECK(seen.ip_bytes == sample.headers + sample.absent + bytes);
                CHECK(seen.estimated == 0);
            }
        }
    }
}

TEST_CASE("packets are counted before anything is parsed, by the outer headers") {
    for (const std::string& program : programs) {
        const Loaded<mirror_bpf> probe(program);
        for (const Sample& sample : samples()) {
            CAPTURE(sample.name);
            CHECK(see(probe, sample.frame, {.size = size, .segments = 7}).packet_segments == 7);
            const auto guess = see(probe, sample.frame, {.size = size}).packet_segments;
            CHECK(guess >= 11);
            CHECK(guess <= 13); // the inner headers of a tunnel are taken for payload
        }
    }
}

TEST_CASE("datagrams that hold VXLAN, segment by segment, repeat the UDP header alone") {
    const Bytes inside = ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, udp(7, 9, Bytes(50))));
    const Bytes segment = joined({8, 0, 0, 0, 0, 0, 42, 0}, inside);
    Bytes all;
    for (int i = 0; i < 5; ++i)
        all = joined(all, segment);
    const Bytes frame = ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, udp(1, 4789, all)));
    const Loaded<mirror_bpf> probe("mirror_egress");
    const Seen seen = see(probe, frame, {static_cast<std::uint32_t>(segment.size()), 5});
    CHECK(seen.segments == 5);
    CHECK(seen.wire_bytes == 5 * (28 + segment.size()));
}

TEST_CASE("what is not known inside is as long as the kernel says, where it is sent") {
    const Bytes frame = ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ESP}, payload(1040)));
    const Gso gso{.size = 100,
                  .segments = 10,
                  .wire_len = static_cast<std::uint32_t>(frame.size()) + 9 * (14 + 20 + 40)};
    CHECK(see(Loaded<mirror_bpf>("mirror_egress"), frame, gso).wire_bytes == 10 * 60 + 1000);
    CHECK(see(Loaded<mirror_bpf>("mirror_ingress"), frame, gso).wire_bytes == 10 * 20 + 1040);
    // Where it is known the kernel's estimate is not: older ones stop at the outer transport.
    const Bytes known =
        ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP},
                                vxlan(ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(1000)))))));
    const Gso short_of{.size = 100,
                       .segments = 10,
                       .wire_len = static_cast<std::uint32_t>(known.size()) + 9 * (14 + 20 + 20)};
    CHECK(see(Loaded<mirror_bpf>("mirror_egress"), known, short_of).wire_bytes ==
          10 * (28 + 8 + 14 + 40) + 1000);
}

TEST_CASE("a super-packet that is not IP, or malformed, stands for its segments") {
    for (const std::string& program : programs) {
        const Loaded<mirror_bpf> probe(program);
        const Seen other =
            see(probe, ethernet(0x8847, payload(1000)), {.size = 100, .segments = 10});
        CHECK(other.parsed == 1);
        CHECK(other.segments == 10);
        Bytes bad = ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(1000))));
        bad[14] = 0x44;
        const Seen malformed = see(probe, bad, {.size = 100, .segments = 10});
        CHECK(malformed.parsed == 2);
        CHECK(malformed.segments == 10);
    }
}

namespace {

Loaded<mirror_bpf> with_mtu(std::uint32_t mtu, std::uint32_t link = 0) {
    return Loaded<mirror_bpf>("mirror_ingress_xdp", [=](mirror_bpf& skeleton) {
        skeleton.rodata->dynmon_mtu = mtu;
        skeleton.rodata->dynmon_link = link;
    });
}

} // namespace

TEST_CASE("XDP: a frame that is longer than the MTU is as many packets as it must have been") {
    const Loaded<mirror_bpf> probe = with_mtu(500);
    for (const Sample& sample : samples()) {
        CAPTURE(sample.name);
        const std::uint64_t each = 500 - sample.headers;
        const std::uint64_t segments = (bytes + each - 1) / each;
        const Seen seen = see(probe, sample.frame, {});
        CHECK(seen.parsed == 0);
        CHECK(seen.estimated == 1);
        CHECK(seen.segments == segments);
        CHECK(seen.wire_bytes == segments * sample.headers + bytes);
        CHECK(seen.packet_segments > 1);
    }
    const Seen other = see(probe, ethernet(0x8847, payload(1000)), {});
    CHECK(other.parsed == 1);
    CHECK(other.estimated == 1);
    CHECK(other.segments > 1);
}

TEST_CASE("XDP: a packet as long as the MTU is one, with whatever tags in front") {
    const Bytes ip = ipv4({}, tcp({}, payload(460)));
    const Loaded<mirror_bpf> probe = with_mtu(500);
    for (const Bytes& frame :
         {ethernet(ETH_P_IP, ip), ethernet(ETH_P_8021Q, vlan(5, ETH_P_IP, ip)),
          ethernet(ETH_P_8021AD, vlan(5, ETH_P_8021Q, vlan(6, ETH_P_IP, ip)))}) {
        const Seen seen = see(probe, frame, {});
        CHECK(seen.estimated == 0);
        CHECK(seen.segments == 1);
        CHECK(seen.packet_segments == 1);
        CHECK(seen.wire_bytes == 500);
    }
    const Seen longer =
        see(probe, ethernet(ETH_P_8021Q, vlan(5, ETH_P_IP, ipv4({}, tcp({}, payload(461))))), {});
    CHECK(longer.estimated == 1);
    CHECK(longer.segments == 2);
    CHECK(longer.wire_bytes == 2 * 40 + 461);
}

TEST_CASE("XDP: a frame whose headers are not to be read may have all VLAN tags") {
    const Loaded<mirror_bpf> probe = with_mtu(40);
    for (const std::size_t tagged : {0, 4, 16}) {
        const Seen seen = see(probe, ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(tagged)))), {});
        CHECK(seen.estimated == 0);
        CHECK(seen.segments == 1);
        CHECK(seen.packet_segments == 1);
    }
    const Seen longer = see(probe, ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(17)))), {});
    CHECK(longer.linear < 78);
    CHECK(longer.estimated == 1);
    CHECK(longer.packet_segments == 2);
}

TEST_CASE("XDP: where the MTU is not known every frame is one packet") {
    const Loaded<mirror_bpf> probe("mirror_ingress_xdp");
    const Seen seen = see(probe, ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(3000)))), {});
    CHECK(seen.estimated == 0);
    CHECK(seen.segments == 1);
    CHECK(seen.wire_bytes == 3040);
}

TEST_CASE("XDP with fragments: a frame is as long as all of it, and read beyond its linear part" *
          doctest::skip(!has_xdp_frags())) {
    const auto load = [](bool frags) {
        return Loaded<mirror_bpf>("mirror_ingress_xdp", [=](mirror_bpf& skeleton) {
            skeleton.rodata->dynmon_frags = frags;
            bpf_program__set_flags(skeleton.progs.mirror_ingress_xdp, BPF_F_XDP_HAS_FRAGS);
        });
    };
    const Bytes near = ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(8000))));
    Bytes body = tcp({.destination = 22}, payload(1000));
    std::uint8_t next = IPPROTO_TCP;
    for (int i = 0; i < 3; ++i) {
        body = extension(next, 255, body);
        next = IPPROTO_DSTOPTS;
    }
    const Bytes far = ethernet(ETH_P_IPV6, ipv6({.next = next}, body));
    const Loaded<mirror_bpf> probe = load(true);
    Seen seen = see(probe, near, {});
    CHECK(seen.linear < 4096);
    CHECK(seen.len == near.size());
    CHECK(seen.parsed == 0);
    CHECK(seen.ip_bytes == 8040);
    CHECK(seen.dport == 443);
    seen = see(probe, far, {});
    CHECK(seen.l4_offset == 54 + 3 * 2048);
    CHECK(seen.dport == 22);
    // A super-packet beyond 64 KiB says no length, and nothing else says that it is one.
    const Bytes segment = tcp({}, payload(0x10000));
    for (const Bytes& ip : {ipv4({}, segment), ipv6({}, segment)}) {
        const std::uint16_t type = ip[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6;
        seen = see(probe, ethernet(type, without_length(ip)), {});
        CHECK(seen.parsed == 0);
        CHECK(seen.ip_bytes == ip.size());
        CHECK(seen.segments == 1);
        seen = see(probe, ethernet(type, without_length(first(ip, 0xffff))), {});
        CHECK(seen.parsed == (type == ETH_P_IP ? 2 : 0));
        CHECK(seen.ip_bytes < 0xffff);
    }
    // Without the switch nothing behind the linear part is there.
    CHECK(see(load(false), near, {}).parsed == 2);
}
