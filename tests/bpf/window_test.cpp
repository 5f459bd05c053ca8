// SPDX-License-Identifier: BSD-2-Clause
// The probe `window`: the latest packets are kept, and which side is the server of their sessions.
#include <doctest/doctest.h>

#include "sessions.hpp"
#include "window.skel.h"

namespace {

using Probe = Loaded<window_bpf>;

std::vector<Record> packets(const Probe& probe) {
    return drain(probe->obj, probe->maps.PACKET_WINDOW, "packet");
}

std::uint64_t missed(const Probe& probe, const char* why) {
    const __u32 zero = 0;
    return Value(probe->obj, probe->maps.WINDOW_MISSED_INGRESS, &zero).sum(why);
}

Bytes there(std::uint16_t port, std::size_t size = 0) {
    return ethernet(ETH_P_IP, ipv4({}, tcp({.source = port}, payload(size))));
}

} // namespace

TEST_CASE("window: a full buffer drops the oldest packet") {
    Probe probe("window_ingress", [](window_bpf& skeleton) {
        REQUIRE(bpf_map__set_max_entries(skeleton.maps.PACKET_WINDOW, 4) == 0);
    });
    for (std::uint16_t port = 1; port <= 10; ++port)
        run(probe.fd(), there(port));
    const auto kept = packets(probe);
    REQUIRE(kept.size() == 4);
    for (std::size_t i = 0; i < kept.size(); ++i)
        CHECK(ntohs(kept[i].key("id").sport) == i + 7);
    CHECK(missed(probe, "not_buffered") == 0);
    CHECK(sessions(probe->maps.SESSION_SERVERS).size() == 10);
}

TEST_CASE("window: a packet has its session, end, hook, size and time") {
    for (const auto& [program, direction] : {std::pair<std::string, unsigned>("window_ingress", 0),
                                             {"window_ingress_xdp", 0},
                                             {"window_egress", 1}}) {
        CAPTURE(program);
        Probe probe(program);
        run(probe.fd(), there(40000, 10));
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"},
                                                tcp({.source = 443, .destination = 40000}))));
        const auto kept = packets(probe);
        REQUIRE(kept.size() == 2);
        CHECK(kept[0].of("n_bytes") == 50);
        CHECK(kept[1].of("n_bytes") == 40);
        CHECK(kept[0].of("reverse") == 0);
        CHECK(kept[1].of("reverse") == 1);
        CHECK(kept[0].of("timestamp") < kept[1].of("timestamp"));
        for (const Record& packet : kept) {
            CHECK(text(packet.key("id")) == "6 10.0.0.1:40000 - 10.0.0.2:443");
            CHECK(packet.of("segments") == 1);
            CHECK(packet.of("direction") == direction);
        }
    }
}

TEST_CASE("window: a super-packet has the bytes of all its segments") {
    Probe probe("window_ingress");
    run(probe.fd(), there(1, 1001), {100, 11});
    const auto kept = packets(probe);
    REQUIRE(kept.size() == 1);
    CHECK(kept[0].of("segments") == 11);
    CHECK(kept[0].of("n_bytes") == 11 * 40 + 1001);
}

TEST_CASE("window: the first packet of a session says which side is its server") {
    Probe probe("window_ingress");
    run(probe.fd(),
        ethernet(ETH_P_IPV6, ipv6({}, tcp({.source = 40000, .destination = 3333, .flags = 0x02}))));
    run(probe.fd(), ethernet(ETH_P_IPV6, ipv6({}, tcp({.source = 40000, .destination = 3333}))));
    CHECK(server(only_session(probe->obj, probe->maps.SESSION_SERVERS, "session_value")) ==
          "2001:db8::2:3333 1");
}

TEST_CASE("window: a SYN corrects which side is taken for the server") {
    Probe probe("window_ingress");
    const auto send = [&](std::uint8_t flags) {
        run(probe.fd(),
            ethernet(ETH_P_IPV6,
                     ipv6({}, tcp({.source = 3333, .destination = 40000, .flags = flags}))));
        return server(only_session(probe->obj, probe->maps.SESSION_SERVERS, "session_value"));
    };
    CHECK(send(0x10) == "2001:db8::1:3333 3");
    CHECK(send(0x02) == "2001:db8::2:40000 1");
    CHECK(send(0x10) == "2001:db8::2:40000 1");
}

TEST_CASE("window: what belongs to no session is counted by reason") {
    Probe probe("window_ingress");
    run(probe.fd(), ethernet(ETH_P_ARP, payload(28)));
    run(probe.fd(), first(there(1), 40));
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, icmp(8, 0))));
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_GRE}, payload(20))));
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({.fragment_offset = 9}, payload(64))));
    for (const char* why : {"not_ip", "malformed", "other_protocol", "tunnel", "fragment"})
        CHECK(missed(probe, why) == 1);
    CHECK(packets(probe).empty());
}

TEST_CASE("window: CPUs at once fill the buffer and lose nothing before it is full") {
    Probe probe("window_ingress", [](window_bpf& skeleton) {
        REQUIRE(bpf_map__set_max_entries(skeleton.maps.PACKET_WINDOW, 20000) == 0);
    });
    run_at_once(probe.fd(), {there(1), there(2)}, 10000);
    CHECK(packets(probe).size() + missed(probe, "not_buffered") == 20000);
}
