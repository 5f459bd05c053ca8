// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_table.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("a flow is read by the names of its fields") {
    const Table table;
    KeptOutlet sink;
    FlowExporter exporter({0, 0}, 100, sink, [](const WindowReport&) {});
    window(exporter, table.view, 3, {key_of(1000)}, {one});
    REQUIRE(sink.stored.size() == 1);
    const FlowRecord& flow = sink.stored[0];
    CHECK(flow.key.sport == 1000);
    CHECK(flow.key.dport == 443);
    CHECK(flow.key.saddr[15] == 1);
    CHECK(flow.key.daddr[15] == 2);
    CHECK(flow.key.proto == 6);
    CHECK(flow.key.ip_version == 4);
    CHECK(flow.key.vlan == 100);
    CHECK(flow.first_ns == 1 * second);
    CHECK(flow.last_ns == 2 * second);
    CHECK(flow.packets == 4); // as on the wire
    CHECK(flow.bytes == 4000);
    CHECK(flow.tcp_flags == 0x02);
    CHECK(flow.tos == 8);
    CHECK(flow.flows == 2);
    CHECK(flow.reason == EndReason::active);
}

TEST_CASE("copies of several CPUs are one flow") {
    const Table table(2);
    KeptOutlet sink;
    FlowExporter exporter({0, 0}, 100, sink, [](const WindowReport&) {});
    Value other = one;
    other.first = 1 * second - 5;
    other.wire_packets = 10;
    other.tcp_flags = 0x10;
    window(exporter, table.view, 3, {key_of(1000)}, {one, other});
    REQUIRE(sink.stored.size() == 1);
    CHECK(sink.stored[0].packets == 14);
    CHECK(sink.stored[0].first_ns == 1 * second - 5);
    CHECK(sink.stored[0].tcp_flags == 0x12);
}

TEST_CASE("fields that a table need not have have values that say nothing") {
    for (const char* name :
         {"sport", "vlan", "ip_version", "tcp_flags", "tos", "flows", "wire_packets"}) {
        const Table table(0, name);
        KeptOutlet sink;
        FlowExporter exporter({0, 0}, 100, sink, [](const WindowReport&) {});
        window(exporter, table.view, 3, {key_of(1000)}, {one});
        REQUIRE(sink.stored.size() == 1);
        CHECK(sink.stored[0].key.ip_version == 4);
        CHECK(sink.stored[0].packets == (std::string(name) == "wire_packets" ? 1 : 4));
        CHECK(sink.stored[0].key.sport == (std::string(name) == "sport" ? 0 : 1000));
        CHECK(sink.stored[0].flows == (std::string(name) == "flows" ? 1 : 2));
    }
}

TEST_CASE("a table without ports knows no type of ICMP") {
    const Table table(0, "dport");
    KeptOutlet sink;
    FlowExporter exporter({0, 0}, 100, sink, [](const WindowReport&) {});
    std::vector<Key> keys = {key_of(0), key_of(0), key_of(0)};
    keys[1].proto = 1;
    keys[2].proto = 58;
    keys[2].ip_version = 6;
    window(exporter, table.view, 3, keys, {one, one, one});
    REQUIRE(sink.stored.size() == 3);
    CHECK(sink.stored[0].key.dport == 0);
    CHECK(sink.stored[1].key.dport == icmp_unknown);
    CHECK(sink.stored[2].key.dport == icmp_unknown);
    CHECK(sink.stored[2].key.ip_version == 6); // the addresses are IPv4-mapped
}

TEST_CASE("a monitor without a flow table is refused by the field that is not there") {
    for (const auto& [name, path] : {std::pair{"saddr", "key.saddr"},
                                     {"proto", "key.proto"},
                                     {"last", "value.last"},
                                     {"bytes", "value.bytes"}}) {
        const Table table(0, name);
        KeptOutlet sink;
        FlowExporter exporter({0, 0}, 100, sink, [](const WindowReport&) {});
        try {
            exporter.prepare({&table.view});
            FAIL("taken");
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
            CHECK(std::string(error.what()) == std::string("metric 'flows' has no field '") + path +
                                                   "', which profile 'kept' needs");
        }
    }
}

TEST_CASE("a table that is not emptied is refused: it would count with every window") {
    Table table;
    table.view.stays = true;
    KeptOutlet sink;
    FlowExporter exporter({0, 0}, 100, sink, [](const WindowReport&) {});
    CHECK_THROWS_WITH_AS(exporter.prepare({&table.view}),
                         "metric 'flows' is not emptied when it is read: every window would count "
                         "its flows again",
                         Error);
}

TEST_CASE("an export reports once what the probe missed, also when it ends") {
    const Table table;
    Types types;
    const int value =
        types.group("value", 16, {{"table_full", types.u64, 0}, {"malformed", types.u64, 64}});
    MetricView missed;
    missed.name = missed.map_name = "flows_missed";
    missed.map_type = BPF_MAP_TYPE_ARRAY;
    missed.value = types.layout(value, 16);
    const std::uint64_t counts[] = {5, 7};

    KeptOutlet sink;
    FlowExporter exporter({15 * second, 60 * second}, 100, sink, [](const WindowReport&) {});
    exporter.prepare({&table.view, &missed});
    exporter.begin_document("web", {1, 0, second, 1});
    exporter.begin_metric(missed);
    exporter.entries({1, nullptr, reinterpret_cast<const std::byte*>(counts), 0, sizeof(counts)});
    exporter.end_metric(0);
    exporter.end_document();
    CHECK(sink.dropped == 5);
    CHECK(sink.ignored == 7);
    exporter.close();
    CHECK(sink.dropped == 5);
    CHECK(sink.ignored == 7);
}

TEST_CASE("a window that comes again because it could not be emptied counts once") {
    const Table table;
    KeptOutlet sink;
    FlowExporter exporter({15 * second, 60 * second}, 100, sink, [](const WindowReport&) {});
    window(exporter, table.view, 3, {key_of(1)}, {one});
    window(exporter, table.view, 3, {key_of(1)}, {one});
    window(exporter, table.view, 4, {key_of(1)}, {one});
    CHECK(exporter.cached() == 1);
    exporter.close();
    REQUIRE(sink.stored.size() == 1);
    CHECK(sink.stored[0].packets == 8);
    CHECK(sink.stored[0].reason == EndReason::forced);
    CHECK(sink.closed);
}

TEST_CASE("a window that was given up on the way counts nothing, and counts when it comes again") {
    const Table table;
    KeptOutlet sink;
    FlowExporter exporter({15 * second, 60 * second}, 100, sink, [](const WindowReport&) {});
    exporter.begin_document("web", {3, 0, 3 * second, 1});
    exporter.begin_metric(table.view);
    const Key key = key_of(1);
    exporter.entries({1, reinterpret_cast<const std::byte*>(&key),
                      reinterpret_cast<const std::byte*>(&one), sizeof key, sizeof one});
    window(exporter, table.view, 3, {key}, {one});
    exporter.close();
    REQUIRE(sink.stored.size() == 1);
    CHECK(sink.stored[0].packets == 4);
}

TEST_CASE(
    "without time-outs a window that did not arrive leaves nothing behind and may come again") {
    const Table table;
    KeptOutlet sink;
    FlowExporter exporter({0, 0}, 100, sink, [](const WindowReport&) {});
    sink.fails = true;
    CHECK_THROWS_AS(window(exporter, table.view, 3, {key_of(1)}, {one}), SinkUnavailable);
    CHECK(exporter.cached() == 0);
    sink.fails = false;
    window(exporter, table.view, 3, {key_of(1)}, {one});
    CHECK(sink.stored.size() == 1);
}

TEST_CASE("without time-outs a window of many flows goes in parts, and again if one is lost") {
    constexpr std::size_t flows = 60'000;
    const Table table;
    KeptOutlet sink;
    sink.parts = true;
    WindowReport report;
    FlowExporter exporter({0, 0}, 100, sink, [&](const WindowReport& said) { report = said; });
    std::vector<Key> keys;
    for (std::size_t i = 0; i < flows; ++i)
        keys.push_back(key_of(static_cast<std::uint16_t>(i)));
    const std::vector<Value> values(flows, one);
    sink.fails = true;
    CHECK_THROWS_AS(window(exporter, table.view, 3, keys, values), SinkUnavailable);
    sink.fails = false;
    window(exporter, table.view, 3, keys, values);
    window(exporter, table.view, 3, keys, values); // it could not be emptied
    CHECK(sink.stored.size() == flows);
    CHECK(sink.most <= 16384);
    CHECK(report.repeated);
    window(exporter, table.view, 4, keys, values);
    CHECK(sink.stored.size() == 2 * flows);
    CHECK(report.sessions == flows);
    CHECK(report.packets == 4 * flows);
}

TEST_CASE("no window is taken while there is no room for it") {
    const Table table;
    KeptOutlet sink;
    sink.full = true;
    FlowExporter exporter({15 * second, 60 * second}, 100, sink, [](const WindowReport&) {});
    CHECK_THROWS_AS(exporter.prepare({&table.view}), SinkUnavailable);
}
