// SPDX-License-Identifier: BSD-2-Clause
// Flows that are used again, and every kind of table that they can be kept in.
#include <doctest/doctest.h>

#include "flows_table.hpp"

TEST_CASE("a flow is used once more when a packet comes after a longer silence") {
    constexpr std::int64_t second = 1'000'000'000;
    struct {
        std::uint64_t idle_timeout;
        std::int64_t silence;
        std::uint64_t uses;
    } const cases[] = {
        {15 * second, 14 * second, 1}, {15 * second, 16 * second, 2},  {second, 2 * second, 2},
        {0, 3600 * second, 1},         {15 * second, -16 * second, 1}, // the clock was set back
    };
    const CpuPin pinned;
    for (const bpf_map_type type : table_types) {
        for (const auto& each : cases) {
            CAPTURE(type);
            CAPTURE(each.idle_timeout);
            CAPTURE(each.silence);
            Loaded<flows_bpf> probe("flows_ingress", [&](flows_bpf& skeleton) {
                set_table(skeleton, type);
                skeleton.rodata->idle_timeout = each.idle_timeout;
            });
            const Bytes frame = ethernet(ETH_P_IP, ipv4({}, udp(1, 2)));
            probe->data_dynmon->dynmon_clock_base = 10'000 * second;
            run(probe.fd(), frame);
            run(probe.fd(), frame);
            CHECK(uses(ingress(probe).begin()->second) == 1);
            probe->data_dynmon->dynmon_clock_base += each.silence;
            run(probe.fd(), frame);
            run(probe.fd(), frame);
            const Value flow = ingress(probe).begin()->second;
            CHECK(uses(flow) == each.uses);
            CHECK(flow.sum("packets") == 4);
        }
    }
}

TEST_CASE("a flow is used once more by a SYN after FIN or RST, and knows whether it is closed") {
    constexpr std::uint8_t fin = 0x01;
    constexpr std::uint8_t syn = 0x02;
    constexpr std::uint8_t rst = 0x04;
    constexpr std::uint8_t ack = 0x10;
    struct Step {
        int flags;
        std::uint64_t uses;
        std::uint64_t closed;
    };
    const Step steps[] = {
        {syn, 1, 0},
        {syn, 1, 0},
        {ack, 1, 0},
        {fin | ack, 1, 1},
        {ack, 1, 1},
        {syn | ack, 2, 0},
        {syn, 2, 0},
        {ack, 2, 0},
        {rst, 2, 1},
        {rst | ack, 2, 1},
        {syn, 3, 0},
        {fin, 3, 1},
        {fin, 3, 1},
        {syn, 4, 0},
        // A packet that is both opens and closes.
        {syn | fin, 4, 1},
        {syn | fin, 5, 1},
        {syn | rst, 6, 1},
        {syn | rst | ack, 7, 1},
        {ack, 7, 1},
        {syn, 8, 0},
        {syn | rst, 8, 1},
        {syn | fin | rst, 9, 1},
    };
    const CpuPin pinned;
    for (const bpf_map_type type : table_types) {
        Loaded<flows_bpf> probe("flows_ingress",
                                [&](flows_bpf& skeleton) { set_table(skeleton, type); });
        std::uint64_t packets = 0;
        for (const Step& step : steps) {
            const auto flags = static_cast<std::uint8_t>(step.flags);
            run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.flags = flags}))));
            ++packets;
            CAPTURE(type);
            CAPTURE(packets);
            const Value flow = ingress(probe).begin()->second;
            CHECK(uses(flow) == step.uses);
            CHECK(flow.sum("closed") == step.closed);
            CHECK(flow.sum("packets") == packets);
        }
    }
}

TEST_CASE("a flow whose first packet has SYN and FIN, or SYN and RST, is closed") {
    for (const int flags : {0x03, 0x06, 0x07}) {
        CAPTURE(flags);
        const CpuPin pinned;
        Loaded<flows_bpf> probe("flows_ingress");
        const Bytes frame =
            ethernet(ETH_P_IP, ipv4({}, tcp({.flags = static_cast<std::uint8_t>(flags)})));
        run(probe.fd(), frame);
        CHECK(uses(ingress(probe).begin()->second) == 1);
        CHECK(ingress(probe).begin()->second.sum("closed") == 1);
        run(probe.fd(), frame);
        CHECK(uses(ingress(probe).begin()->second) == 2);
    }
}

TEST_CASE("a connection that is opened again after a silence is one more use, not two") {
    const CpuPin pinned;
    Loaded<flows_bpf> probe("flows_ingress");
    const auto send = [&](std::uint8_t flags) {
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.flags = flags}))));
    };
    probe->data_dynmon->dynmon_clock_base = 1'000'000'000'000;
    send(0x11);
    probe->data_dynmon->dynmon_clock_base += 20'000'000'000;
    send(0x02);
    const Value flow = ingress(probe).begin()->second;
    CHECK(uses(flow) == 2);
    CHECK(flow.sum("closed") == 0);
}

TEST_CASE("every kind of table says the same of the same packets") {
    const CpuPin pinned;
    for (const bpf_map_type type : table_types) {
        CAPTURE(type);
        Loaded<flows_bpf> probe("flows_ingress",
                                [&](flows_bpf& skeleton) { set_table(skeleton, type); });
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.tos = 0x10}, tcp({.flags = 0x02}))));
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({.tos = 0x20}, tcp({.flags = 0x18}, payload(100)))),
            {10, 10});
        run(probe.fd(), ethernet(ETH_P_IPV6, ipv6({}, tcp({}))));
        const Table flows = ingress(probe);
        REQUIRE(flows.size() == 2);
        const Value& flow = flows.at("6 v4 vlan0 10.0.0.1:40000 > 10.0.0.2:443");
        CHECK(flow.sum("packets") == 2);
        CHECK(flow.sum("wire_packets") == 11);
        CHECK(flow.sum("bytes") == 11 * 40 + 100);
        CHECK(flow.sum("tcp_flags") == 0x1a);
        CHECK(flow.sum("tos") == 0x20);
        CHECK(flow.sum("flows") == 1);
        const auto [from, to] = span(flow);
        CHECK(from < to);
    }
}

TEST_CASE("no packet is lost when all CPUs count in one flow") {
    constexpr int times = 50'000;
    const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({.flags = 0x10}, payload(60))));
    const unsigned cpus = allowed_cpus();
    for (const bpf_map_type type : table_types) {
        CAPTURE(type);
        Loaded<flows_bpf> probe("flows_ingress",
                                [&](flows_bpf& skeleton) { set_table(skeleton, type); });
        run_at_once(probe.fd(), std::vector<Bytes>(cpus, frame), times);
        const Value flow = ingress(probe).begin()->second;
        CHECK(flow.sum("packets") == std::uint64_t{cpus} * times);
        CHECK(flow.sum("bytes") == std::uint64_t{cpus} * times * 100);
        CHECK(uses(flow) == 1);
    }
}

TEST_CASE("a full LRU table makes room for the new flow, any other counts it as missed") {
    for (const bpf_map_type type : table_types) {
        CAPTURE(type);
        Loaded<flows_bpf> probe("flows_ingress", [&](flows_bpf& skeleton) {
            set_table(skeleton, type);
            REQUIRE(bpf_map__set_max_entries(skeleton.maps.FLOWS_INGRESS, 512) == 0);
        });
        for (std::uint16_t port = 1; port <= 2000; ++port)
            run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.source = port}))));
        const bool evicts = type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
        CHECK((ingress(probe).count("6 v4 vlan0 10.0.0.1:2000 > 10.0.0.2:443") == 1) == evicts);
        CHECK(missed(probe, "table_full") == (evicts ? 0 : 2000 - 512));
    }
}
