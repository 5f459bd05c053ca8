// SPDX-License-Identifier: BSD-2-Clause
// The flow table of the probe `flows`: what becomes one flow, and what a flow says.
#include <cstdlib>

#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "flows_table.hpp"

namespace {

const Ipv4 to_client{.source = "10.0.0.2", .destination = "10.0.0.1"};

} // namespace

TEST_CASE("flows tells flows apart by addresses, ports, protocol, version and VLAN") {
    const Bytes ip4 = ipv4({}, tcp({}));
    const Bytes frames[] = {
        ethernet(ETH_P_IP, ip4),
        ethernet(ETH_P_IP, ipv4({}, tcp({.source = 40001}))),
        ethernet(ETH_P_IP, ipv4({}, tcp({.destination = 80}))),
        ethernet(ETH_P_IP, ipv4(to_client, tcp({.source = 443, .destination = 40000}))),
        ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, udp(40000, 443))),
        ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, icmp(8, 0))),
        ethernet(ETH_P_IPV6, ipv6({}, tcp({}))),
        ethernet(ETH_P_8021Q, vlan(100, ETH_P_IP, ip4)),
        ethernet(ETH_P_8021AD, vlan(7, ETH_P_8021Q, vlan(100, ETH_P_IP, ip4))),
    };
    Loaded<flows_bpf> probe("flows_ingress_xdp");
    for (const Bytes& frame : frames)
        CHECK(run(probe.fd(), frame) == XDP_PASS);
    CHECK(names(ingress(probe)) == std::vector<std::string>{
                                       "1 v4 vlan0 10.0.0.1:0 > 10.0.0.2:2048",
                                       "17 v4 vlan0 10.0.0.1:40000 > 10.0.0.2:443",
                                       "6 v4 vlan0 10.0.0.1:40000 > 10.0.0.2:443",
                                       "6 v4 vlan0 10.0.0.1:40000 > 10.0.0.2:80",
                                       "6 v4 vlan0 10.0.0.1:40001 > 10.0.0.2:443",
                                       "6 v4 vlan0 10.0.0.2:443 > 10.0.0.1:40000",
                                       "6 v4 vlan100 10.0.0.1:40000 > 10.0.0.2:443",
                                       "6 v4 vlan7 10.0.0.1:40000 > 10.0.0.2:443",
                                       "6 v6 vlan0 2001:db8::1:40000 > 2001:db8::2:443",
                                   });
    CHECK(table(probe, probe->maps.FLOWS_EGRESS).empty());
}

TEST_CASE("a flow adds up packets and bytes, collects TCP flags, keeps the last ToS") {
    for (const std::string program : {"flows_ingress", "flows_ingress_xdp"}) {
        CAPTURE(program);
        Loaded<flows_bpf> probe(program);
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.tos = 0x10}, tcp({.flags = 0x02}))));
        run(probe.fd(),
            ethernet(ETH_P_IP, ipv4({.tos = 0x20}, tcp({.flags = 0x18}, payload(100)))));
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.tos = 0x40}, tcp({.flags = 0x11}, payload(7)))));

        const Table flows = ingress(probe);
        REQUIRE(flows.size() == 1);
        const Value& flow = flows.begin()->second;
        CHECK(flow.sum("packets") == 3);
        CHECK(flow.sum("wire_packets") == 3);
        CHECK(flow.sum("bytes") == 3 * 40 + 107);
        std::uint64_t flags = 0;
        for (std::size_t copy = 0; copy < flow.copies(); ++copy)
            flags |= flow.of(copy, "tcp_flags");
        CHECK(flags == 0x1b);
    }
}

TEST_CASE("a flow counts the segments of a super-packet and their headers") {
    Loaded<flows_bpf> probe("flows_ingress");
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.options = 3}, payload(1001)))), {100, 11});
    const Table flows = ingress(probe);
    REQUIRE(flows.size() == 1);
    const Value& flow = flows.begin()->second;
    CHECK(flow.sum("packets") == 1);
    CHECK(flow.sum("wire_packets") == 11);
    CHECK(flow.sum("bytes") == 11 * 52 + 1001);
}

TEST_CASE("a flow knows its first and its last packet") {
    Loaded<flows_bpf> probe("flows_ingress");
    const std::int64_t now = read_clock(CLOCK_REALTIME);
    probe->data_dynmon->dynmon_clock_base = now - read_clock(CLOCK_MONOTONIC);

    const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({})));
    run(probe.fd(), frame);
    const auto [first_time, last_time] = span(ingress(probe).begin()->second);
    CHECK(first_time == last_time);
    CHECK(std::abs(static_cast<std::int64_t>(first_time) - now) < 1'000'000'000);
    run(probe.fd(), frame);
    const auto [same_first, later] = span(ingress(probe).begin()->second);
    CHECK(same_first == first_time);
    CHECK(later > last_time);
}

TEST_CASE("egress goes into a table of its own") {
    Loaded<flows_bpf> probe("flows_egress");
    CHECK(run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({})))) == TC_ACT_UNSPEC);
    CHECK(ingress(probe).empty());
    CHECK(table(probe, probe->maps.FLOWS_EGRESS).size() == 1);
}

TEST_CASE("later fragments share a flow without ports") {
    Loaded<flows_bpf> probe("flows_ingress");
    const Bytes body = udp(1234, 5678, payload(64));
    for (const std::uint16_t offset : {0, 9, 18})
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP,
                                                 .fragment_offset = offset,
                                                 .more_fragments = offset < 18},
                                                body)));
    const Table flows = ingress(probe);
    CHECK(names(flows) == std::vector<std::string>{"17 v4 vlan0 10.0.0.1:0 > 10.0.0.2:0",
                                                   "17 v4 vlan0 10.0.0.1:1234 > 10.0.0.2:5678"});
    CHECK(flows.begin()->second.sum("packets") == 2);
}

TEST_CASE("ICMP whose type is not in the packet is no echo reply") {
    const Bytes echo = icmp(0, 0, payload(56));
    const auto v4 = [&](std::uint16_t offset, const Bytes& body) {
        return ethernet(ETH_P_IP,
                        ipv4({.protocol = IPPROTO_ICMP, .fragment_offset = offset}, body));
    };
    const auto v6 = [&](const Bytes& body) {
        return ethernet(ETH_P_IPV6,
                        ipv6({.next = IPPROTO_FRAGMENT}, fragment(IPPROTO_ICMPV6, 9, false, body)));
    };
    for (const std::string program : {"flows_ingress", "flows_ingress_xdp"}) {
        Loaded<flows_bpf> probe(program);
        run(probe.fd(), v4(0, echo));
        run(probe.fd(), v4(9, payload(64)));
        run(probe.fd(), v4(0, first(echo, 7)));
        run(probe.fd(), v6(payload(64)));
        CHECK(names(ingress(probe)) ==
              std::vector<std::string>{"1 v4 vlan0 10.0.0.1:0 > 10.0.0.2:0",
                                       "1 v4 vlan0 10.0.0.1:0 > 10.0.0.2:65535",
                                       "58 v6 vlan0 2001:db8::1:0 > 2001:db8::2:65535"});
        CHECK(ingress(probe).at("1 v4 vlan0 10.0.0.1:0 > 10.0.0.2:65535").sum("packets") == 2);
    }
}

TEST_CASE("track_ports=0 leaves the type of ICMP unknown, and says nothing of other ports") {
    Loaded<flows_bpf> probe("flows_ingress",
                            [](flows_bpf& skeleton) { skeleton.rodata->track_ports = 0; });
    for (const std::uint8_t type : {0, 3, 8})
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, icmp(type, 0))));
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({}))));
    CHECK(names(ingress(probe)) ==
          std::vector<std::string>{"1 v4 vlan0 10.0.0.1:0 > 10.0.0.2:65535",
                                   "6 v4 vlan0 10.0.0.1:0 > 10.0.0.2:0"});
}

TEST_CASE("packets that are in no flow are counted by reason") {
    Loaded<flows_bpf> probe("flows_ingress");
    const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({})));
    run(probe.fd(), ethernet(ETH_P_ARP, payload(28)));
    run(probe.fd(), ethernet(ETH_P_ARP, payload(28)));
    run(probe.fd(), first(frame, 40));
    CHECK(missed(probe, "not_ip") == 2);
    CHECK(missed(probe, "malformed") == 1);
    CHECK(missed(probe, "table_full") == 0);
    CHECK(ingress(probe).empty());
}

TEST_CASE("a full table counts what it cannot take and goes on with the flows it has") {
    Loaded<flows_bpf> probe("flows_ingress", [](flows_bpf& skeleton) {
        REQUIRE(bpf_map__set_max_entries(skeleton.maps.FLOWS_INGRESS, 4) == 0);
    });
    for (std::uint16_t port = 1; port <= 10; ++port)
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.source = port}))));
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.source = 1}))));
    const Table flows = ingress(probe);
    CHECK(flows.size() == 4);
    CHECK(missed(probe, "table_full") == 6);
    CHECK(flows.at("6 v4 vlan0 10.0.0.1:1 > 10.0.0.2:443").sum("packets") == 2);
}

TEST_CASE("track_ports=0 makes one flow of all ports") {
    Loaded<flows_bpf> probe("flows_ingress",
                            [](flows_bpf& skeleton) { skeleton.rodata->track_ports = 0; });
    for (std::uint16_t port = 1; port <= 10; ++port)
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.source = port}))));
    const Table flows = ingress(probe);
    CHECK(names(flows) == std::vector<std::string>{"6 v4 vlan0 10.0.0.1:0 > 10.0.0.2:0"});
    CHECK(flows.begin()->second.sum("packets") == 10);
}

TEST_CASE("sample=4 looks at about one packet in four") {
    Loaded<flows_bpf> probe("flows_ingress",
                            [](flows_bpf& skeleton) { skeleton.rodata->sample = 4; });
    const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({})));
    for (int i = 0; i < 4000; ++i)
        run(probe.fd(), frame);
    const auto packets = ingress(probe).begin()->second.sum("packets");
    CHECK(packets > 700); // 11 standard deviations from 1000
    CHECK(packets < 1300);
}
