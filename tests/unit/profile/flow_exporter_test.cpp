#include "base/error.hpp"
#include "layout/types.hpp"
#include "profile/flow_exporter.hpp"
#include "profile/flows.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

struct Key {
    std::uint8_t saddr[16];
    std::uint8_t daddr[16];
    std::uint16_t sport; // network order
    std::uint16_t dport;
    std::uint8_t proto;
    std::uint8_t ip_version;
    std::uint16_t vlan;
};
struct Value {
    std::uint64_t first, last, packets, wire_packets, bytes;
    std::uint8_t tcp_flags, tos, pad[2];
    std::uint32_t flows;
};

struct Table {
    explicit Table(std::size_t cpus = 0, const char* left_out = "") {
        const int address = types.alias(
            "dynmon_ip_t", types.group("", 16, {{"bytes", types.array(types.u8, 16), 0}}));
        const int port = types.alias("dynmon_port_t", types.u16);
        const int time = types.alias("dynmon_time_ns_t", types.u64);
        key = group("key", sizeof(Key), left_out,
                    {{"saddr", address, 0},
                     {"daddr", address, 128},
                     {"sport", port, 256},
                     {"dport", port, 272},
                     {"proto", types.alias("dynmon_proto_t", types.u8), 288},
                     {"ip_version", types.u8, 296},
                     {"vlan", types.u16, 304}});
        value = group("value", sizeof(Value), left_out,
                      {{"first", time, 0},
                       {"last", time, 64},
                       {"packets", types.u64, 128},
                       {"wire_packets", types.u64, 192},
                       {"bytes", types.u64, 256},
                       {"tcp_flags", types.alias("dynmon_tcp_flags_t", types.u8), 320},
                       {"tos", types.u8, 328},
                       {"flows", types.u32, 352}});
        view.name = "flows";
        view.map_name = "FLOWS";
        view.map_type = cpus > 0 ? BPF_MAP_TYPE_PERCPU_HASH : BPF_MAP_TYPE_HASH;
        view.key = types.layout(key, sizeof(Key), {}, "key");
        view.value = types.layout(value, sizeof(Value));
        view.cpus = cpus;
        view.merge_fields = {{"value.first", Merge::min},
                             {"value.last", Merge::max},
                             {"value.tcp_flags", Merge::bit_or},
                             {"value.tos", Merge::last}};
        for (auto rule = view.merge_fields.begin(); rule != view.merge_fields.end();)
            rule = rule->first.ends_with(std::string(".") + left_out)
                       ? view.merge_fields.erase(rule)
                       : std::next(rule);
    }
    int group(const char* name, std::uint32_t size, const std::string& left_out,
              std::vector<Member> members) {
        std::erase_if(members, [&](const Member& member) { return left_out == member.name; });
        return types.group(name, size, members);
    }
    Types types;
    int key, value;
    MetricView view;
};

struct KeptOutlet final : FlowOutlet {
    void make_room() override {
        if (full)
            throw OutletAway(ErrorKind::failed, "full");
    }
    void add(std::vector<FlowRecord> flows, const FlowWindow&) override {
        added.insert(added.end(), flows.begin(), flows.end());
    }
    std::vector<std::string> send() override {
        if (fails) {
            added.clear();
            throw OutletAway(ErrorKind::failed, "away");
        }
        stored.insert(stored.end(), added.begin(), added.end());
        added.clear();
        return {};
    }
    void close() override {
        send();
        closed = true;
    }
    const std::vector<FlowRecord>& waiting() const override { return added; }
    std::vector<FlowRecord> stored, added;
    bool full = false, fails = false, closed = false;
};

Key key_of(std::uint16_t sport) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1},
            {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2},
            __builtin_bswap16(sport),
            __builtin_bswap16(443),
            6,
            4,
            100};
}

void window(FlowExporter& exporter, const MetricView& view, std::uint64_t sequence,
            std::vector<Key> keys, std::vector<Value> values) {
    exporter.prepare({&view});
    exporter.begin_document("web", {sequence, 0, sequence * second, 1});
    exporter.begin_metric(view);
    const std::size_t copies = std::max<std::size_t>(view.cpus, 1);
    exporter.entries({keys.size(), reinterpret_cast<const std::byte*>(keys.data()),
                      reinterpret_cast<const std::byte*>(values.data()), sizeof(Key),
                      sizeof(Value) * copies});
    exporter.end_metric(0);
    exporter.end_document();
}

constexpr Value one{1 * second, 2 * second, 1, 4, 4000, 0x02, 8, {}, 2};

} // namespace

TEST_CASE("a flow is read by the names of its fields") {
    const Table table;
    KeptOutlet outlet;
    FlowExporter exporter({0, 0}, 100, outlet, [](const WindowReport&) {});
    window(exporter, table.view, 3, {key_of(1000)}, {one});
    REQUIRE(outlet.stored.size() == 1);
    const FlowRecord& flow = outlet.stored[0];
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
    KeptOutlet outlet;
    FlowExporter exporter({0, 0}, 100, outlet, [](const WindowReport&) {});
    Value other = one;
    other.first = 1 * second - 5;
    other.wire_packets = 10;
    other.tcp_flags = 0x10;
    window(exporter, table.view, 3, {key_of(1000)}, {one, other});
    REQUIRE(outlet.stored.size() == 1);
    CHECK(outlet.stored[0].packets == 14);
    CHECK(outlet.stored[0].first_ns == 1 * second - 5);
    CHECK(outlet.stored[0].tcp_flags == 0x12);
}

TEST_CASE("fields that a table need not have have values that say nothing") {
    for (const char* name :
         {"sport", "vlan", "ip_version", "tcp_flags", "tos", "flows", "wire_packets"}) {
        const Table table(0, name);
        KeptOutlet outlet;
        FlowExporter exporter({0, 0}, 100, outlet, [](const WindowReport&) {});
        window(exporter, table.view, 3, {key_of(1000)}, {one});
        REQUIRE(outlet.stored.size() == 1);
        CHECK(outlet.stored[0].key.ip_version == 4);
        CHECK(outlet.stored[0].packets == (std::string(name) == "wire_packets" ? 1 : 4));
        CHECK(outlet.stored[0].key.sport == (std::string(name) == "sport" ? 0 : 1000));
        CHECK(outlet.stored[0].flows == (std::string(name) == "flows" ? 1 : 2));
    }
}

TEST_CASE("a monitor without a flow table is refused by the field that is not there") {
    for (const auto& [name, path] : {std::pair{"saddr", "key.saddr"},
                                     {"proto", "key.proto"},
                                     {"last", "value.last"},
                                     {"bytes", "value.bytes"}}) {
        const Table table(0, name);
        KeptOutlet outlet;
        FlowExporter exporter({0, 0}, 100, outlet, [](const WindowReport&) {});
        try {
            exporter.prepare({&table.view});
            FAIL("taken");
        } catch (const Error& error) {
            CHECK(error.kind() == ErrorKind::usage);
            CHECK(std::string(error.what()) == std::string("metric 'flows' has no field '") + path +
                                                   "', which profile 'ipfix' needs");
        }
    }
}

TEST_CASE("a window that comes again because it could not be emptied counts once") {
    const Table table;
    KeptOutlet outlet;
    FlowExporter exporter({15 * second, 60 * second}, 100, outlet, [](const WindowReport&) {});
    window(exporter, table.view, 3, {key_of(1)}, {one});
    window(exporter, table.view, 3, {key_of(1)}, {one});
    window(exporter, table.view, 4, {key_of(1)}, {one});
    CHECK(exporter.cached() == 1);
    exporter.close();
    REQUIRE(outlet.stored.size() == 1);
    CHECK(outlet.stored[0].packets == 8);
    CHECK(outlet.stored[0].reason == EndReason::forced);
    CHECK(outlet.closed);
}

TEST_CASE("a window that was given up on the way counts nothing, and counts when it comes again") {
    const Table table;
    KeptOutlet outlet;
    FlowExporter exporter({15 * second, 60 * second}, 100, outlet, [](const WindowReport&) {});
    exporter.begin_document("web", {3, 0, 3 * second, 1});
    exporter.begin_metric(table.view);
    const Key key = key_of(1);
    exporter.entries({1, reinterpret_cast<const std::byte*>(&key),
                      reinterpret_cast<const std::byte*>(&one), sizeof key, sizeof one});
    window(exporter, table.view, 3, {key}, {one});
    exporter.close();
    REQUIRE(outlet.stored.size() == 1);
    CHECK(outlet.stored[0].packets == 4);
}

TEST_CASE(
    "without time-outs a window that did not arrive leaves nothing behind and may come again") {
    const Table table;
    KeptOutlet outlet;
    FlowExporter exporter({0, 0}, 100, outlet, [](const WindowReport&) {});
    outlet.fails = true;
    CHECK_THROWS_AS(window(exporter, table.view, 3, {key_of(1)}, {one}), OutletAway);
    CHECK(exporter.cached() == 0);
    outlet.fails = false;
    window(exporter, table.view, 3, {key_of(1)}, {one});
    CHECK(outlet.stored.size() == 1);
}

TEST_CASE("no window is taken while there is no room for it") {
    const Table table;
    KeptOutlet outlet;
    outlet.full = true;
    FlowExporter exporter({15 * second, 60 * second}, 100, outlet, [](const WindowReport&) {});
    CHECK_THROWS_AS(exporter.prepare({&table.view}), OutletAway);
}
