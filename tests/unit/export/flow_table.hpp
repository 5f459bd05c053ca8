// SPDX-License-Identifier: BSD-2-Clause
// A flow table with known entries, and a sink that keeps what it gets.
#pragma once

#include "base/error.hpp"
#include "decode/types.hpp"
#include "export/flow_exporter.hpp"
#include "export/flows.hpp"

namespace dynmon::test {

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

struct KeptOutlet final : FlowSink {
    const char* profile() const override { return "kept"; }
    void make_room() override {
        if (full)
            throw SinkUnavailable(ErrorKind::failed, "full");
    }
    void add(std::vector<FlowRecord> flows, const FlowWindow& from) override {
        dropped += from.dropped;
        ignored += from.ignored;
        added.insert(added.end(), flows.begin(), flows.end());
        most = std::max(most, added.size());
    }
    std::vector<std::string> send() override {
        if (fails && keeps)
            return {};
        if (fails) {
            added.clear();
            throw SinkUnavailable(ErrorKind::failed, "away");
        }
        stored.insert(stored.end(), added.begin(), added.end());
        added.clear();
        return {};
    }
    void close(bool is_saved) override {
        saved = is_saved;
        send();
        closed = true;
    }
    const std::vector<FlowRecord>& waiting() const override { return added; }
    bool takes_parts() const override { return parts; }
    void forget() override { added.clear(); }
    std::vector<FlowRecord> stored, added;
    std::uint64_t dropped = 0, ignored = 0; // packets
    std::size_t most = 0;                   // that it had at once
    bool full = false, fails = false, keeps = false, closed = false, parts = false, saved = false;
};

inline Key key_of(std::uint16_t sport) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1},
            {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2},
            __builtin_bswap16(sport),
            __builtin_bswap16(443),
            6,
            4,
            100};
}

inline void window(FlowExporter& exporter, const MetricView& view, std::uint64_t sequence,
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

inline constexpr Value one{1 * second, 2 * second, 1, 4, 4000, 0x02, 8, {}, 2};

} // namespace dynmon::test
