// SPDX-License-Identifier: BSD-2-Clause
// The NTP counters: what is an NTP packet, which of them are of mode 7.
#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "ntp.skel.h"
#include "runner.hpp"

namespace {

Bytes ntp(std::uint8_t mode, std::size_t size) {
    Bytes body(size);
    if (size > 0)
        body[0] = static_cast<std::uint8_t>(4 << 3 | mode); // version 4
    return body;
}

Bytes frame4(const Bytes& datagram, Ipv4 header = {}) {
    header.protocol = IPPROTO_UDP;
    return ethernet(ETH_P_IP, ipv4(header, datagram));
}

Bytes frame6(const Bytes& datagram) {
    return ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP}, datagram));
}

struct Counts {
    std::uint64_t all;
    std::uint64_t of_mode_7;
    bool operator==(const Counts&) const = default;
};
doctest::String toString(const Counts& counts) {
    return (std::to_string(counts.all) + ", " + std::to_string(counts.of_mode_7)).c_str();
}

Counts counts(const Loaded<ntp_bpf>& probe, bool egress = false) {
    const __u32 zero = 0;
    const auto& maps = probe->maps;
    const bpf_map* all = egress ? maps.NTP_PACKETS_COUNTER_EGRESS : maps.NTP_PACKETS_COUNTER;
    const bpf_map* private_mode = egress ? maps.NTP_MODE_PRIVATE_PACKETS_COUNTER_EGRESS
                                         : maps.NTP_MODE_PRIVATE_PACKETS_COUNTER;
    return {Value(probe->obj, all, &zero).sum(), Value(probe->obj, private_mode, &zero).sum()};
}

// What one frame adds under TC and under XDP, which are to agree.
Counts counted(const Bytes& frame) {
    Loaded<ntp_bpf> tc("ntp_ingress");
    Loaded<ntp_bpf> xdp("ntp_ingress_xdp");
    CHECK(run(tc.fd(), frame) == TC_ACT_UNSPEC);
    CHECK(run(xdp.fd(), frame) == XDP_PASS);
    CHECK(counts(tc) == counts(xdp));
    CHECK(counts(tc, true) == Counts{0, 0});
    return counts(tc);
}

} // namespace

TEST_CASE("an NTP packet is one from or to UDP port 123") {
    CHECK(counted(frame4(udp(40000, 123, ntp(3, 48)))) == Counts{1, 0});
    CHECK(counted(frame4(udp(123, 40000, ntp(4, 48)))) == Counts{1, 0});
    CHECK(counted(frame6(udp(123, 123, ntp(1, 68)))) == Counts{1, 0});
    CHECK(counted(frame4(udp(124, 122, ntp(7, 48)))) == Counts{0, 0});
    CHECK(counted(ethernet(ETH_P_IP, ipv4({}, tcp({.source = 123, .destination = 123},
                                                  ntp(7, 48))))) == Counts{0, 0});
    CHECK(counted(ethernet(ETH_P_ARP, payload(28))) == Counts{0, 0});
}

TEST_CASE("mode 7 is seen at any length, behind options, extensions and VLAN tags") {
    const Bytes monlist = udp(40000, 123, ntp(7, 8));
    CHECK(counted(frame4(udp(40000, 123, ntp(7, 48)))) == Counts{1, 1});
    CHECK(counted(frame4(monlist)) == Counts{1, 1});
    CHECK(counted(frame4(udp(40000, 123, ntp(7, 1)))) == Counts{1, 1});
    CHECK(counted(frame4(monlist, {.options = 10})) == Counts{1, 1});
    CHECK(counted(frame6(udp(123, 40000, ntp(7, 440)))) == Counts{1, 1});
    CHECK(counted(ethernet(ETH_P_IPV6,
                           ipv6({.next = 0}, extension(60, 2, extension(17, 0, monlist))))) ==
          Counts{1, 1});
    CHECK(counted(ethernet(
              ETH_P_8021AD,
              vlan(1, ETH_P_8021Q, vlan(2, ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, monlist))))) ==
          Counts{1, 1});
}

TEST_CASE("what has no first byte has no mode, whatever the frame is padded with") {
    Bytes padded = frame4(udp(40000, 123));
    CHECK(counted(padded) == Counts{1, 0});
    padded.resize(60, 0x27); // Ethernet's padding that looks like mode 7
    CHECK(counted(padded) == Counts{1, 0});
    for (int mode = 0; mode < 7; ++mode)
        CHECK(counted(frame4(udp(40000, 123, ntp(static_cast<std::uint8_t>(mode), 48)))) ==
              Counts{1, 0});
}

TEST_CASE("a later fragment has no ports and is none, the first one is") {
    CHECK(counted(frame4(udp(40000, 123, ntp(7, 48)), {.fragment_offset = 10})) == Counts{0, 0});
    CHECK(counted(frame4(udp(40000, 123, ntp(7, 48)), {.more_fragments = true})) == Counts{1, 1});
}

TEST_CASE("egress counts in maps of its own") {
    Loaded<ntp_bpf> probe("ntp_egress");
    CHECK(run(probe.fd(), frame4(udp(40000, 123, ntp(7, 48)))) == TC_ACT_UNSPEC);
    CHECK(counts(probe) == Counts{0, 0});
    CHECK(counts(probe, true) == Counts{1, 1});
}
