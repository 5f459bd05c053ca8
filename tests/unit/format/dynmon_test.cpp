// SPDX-License-Identifier: BSD-2-Clause
#include "format/metrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

const ExportOptions dynmon_format{.format = Format::dynmon};
const ExportOptions bare{.format = Format::dynmon, .value_only = true};

} // namespace

TEST_CASE("the document of Dynmon's packet counter, byte for byte") {
    const Metrics m;
    const std::vector<std::uint32_t> index = {0};
    const std::vector<std::uint64_t> count = {6850};
    const Part part{m.counters(BPF_MAP_TYPE_ARRAY), {batch(index, count)}};
    CHECK(render_json(dynmon_format, {part, at_egress(part)}) ==
          R"({"ingress-metrics":[{"name":"packets_total","value":[6850],)"
          R"("timestamp":1599403699607360}],"egress-metrics":[{"name":"packets_total",)"
          R"("value":[6850],"timestamp":1599403699607360}]})"
          "\n");
    CHECK(render_json(bare, {part}) == "[6850]\n");
}

TEST_CASE("the arrays and hashes of packed structs of Dynmon's own tests") {
    Metrics m;
    Types& t = m.types;
    const int features = t.group("features", 10, {{"timestamp", t.u64, 0}, {"length", t.u16, 64}});
    const int be32 = t.alias("__be32", t.u32);
    const int be16 = t.alias("__be16", t.u16);
    const int key = t.group("session_key", 13,
                            {{"saddr", be32, 0},
                             {"daddr", be32, 32},
                             {"sport", be16, 64},
                             {"dport", be16, 80},
                             {"proto", t.u8, 96}});
    MetricView array = m.counters(BPF_MAP_TYPE_ARRAY);
    array.value = t.layout(features, 10);
    const std::vector<std::byte> stored = bytes({0xf2, 3, 0, 0, 0, 0, 0, 0, 0xf2, 3});
    const std::vector<std::uint32_t> index = {0};
    Batch one{1, raw(index[0]), stored.data(), 4, 10};
    CHECK(render_json(bare, {{array, {one}}}) == "[{\"timestamp\":1010,\"length\":1010}]\n");

    MetricView hash = m.counters(BPF_MAP_TYPE_HASH);
    hash.key = t.layout(key, 13, {}, "key");
    hash.value = t.layout(t.s32, 4);
    const auto session = bytes({1, 0, 0, 0, 2, 0, 0, 0, 11, 0, 22, 0, 0});
    const int zero = 0;
    Batch entry{1, session.data(), raw(zero), 13, 4};
    CHECK(render_json(bare, {{hash, {entry}}}) ==
          R"([{"key":{"saddr":1,"daddr":2,"sport":11,"dport":22,"proto":0},"value":0}])"
          "\n");

    MetricView queue = array;
    queue.map_type = BPF_MAP_TYPE_QUEUE;
    queue.key.reset();
    CHECK(render_json(bare, {{queue, {{1, nullptr, stored.data(), 0, 10}}}}) ==
          "[{\"timestamp\":1010,\"length\":1010}]\n");
}

TEST_CASE("per-CPU maps list their CPUs, the array keeps its index, what is empty is null") {
    const Metrics m;
    const std::vector<std::uint32_t> indices = {0, 1};
    const std::vector<std::uint64_t> four = {1, 2, 30, 40};
    const char* both = R"([{"key":0,"value":[1,2]},{"key":1,"value":[30,40]}])";
    for (const bpf_map_type type :
         {BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_LRU_PERCPU_HASH}) {
        const Part part{m.counters(type, 2), {batch(indices, four, 2)}};
        CHECK(render_json(bare, {part}) == std::string(both) + "\n");
    }
    for (const bpf_map_type type :
         {BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_PERCPU_HASH, BPF_MAP_TYPE_QUEUE,
          BPF_MAP_TYPE_STACK})
        CHECK(render_json(bare, {{m.counters(type, type == BPF_MAP_TYPE_PERCPU_HASH ? 2 : 0),
                                  {}}}) == "null\n");
}

TEST_CASE("nested arrays of structs are plain lists, meanings are bare numbers") {
    Metrics m;
    Types& t = m.types;
    const int point = t.group("point", 2, {{"x", t.u8, 0}, {"y", t.u8, 8}});
    MetricView view = m.counters(BPF_MAP_TYPE_ARRAY);
    view.value = t.layout(
        t.group("v", 8,
                {{"points", t.array(point, 2), 0}, {"addr", t.alias("dynmon_ipv4_t", t.u32), 32}}),
        8);
    const auto stored = bytes({1, 2, 3, 4, 10, 0, 0, 1});
    const std::uint32_t index = 0;
    CHECK(render_json(bare, {{view, {{1, raw(index), stored.data(), 4, 8}}}}) ==
          R"([{"points":[{"x":1,"y":2},{"x":3,"y":4}],"addr":16777226}])"
          "\n");
}

TEST_CASE("an address of IPv4 is the number that it was, whatever room it has") {
    Metrics m;
    Types& t = m.types;
    const int ip = t.alias("dynmon_ip_t", t.group(nullptr, 16, {{"bytes", t.array(t.u8, 16), 0}}));
    const int key = t.group(
        "k", 36,
        {{"saddr", ip, 0}, {"daddr", ip, 128}, {"ip_version", t.u8, 256}, {"port", t.u16, 272}});
    MetricView hash = m.counters(BPF_MAP_TYPE_HASH);
    hash.key = t.layout(key, 36, {}, "key");
    auto bytes = std::vector<std::byte>(36);
    bytes[10] = bytes[11] = std::byte{0xff};
    bytes[12] = std::byte{10};
    bytes[15] = std::byte{1};
    bytes[16] = std::byte{0xfd};
    bytes[32] = std::byte{4};
    const std::uint64_t count = 7;
    CHECK(render_json(bare, {{hash, {{1, bytes.data(), raw(count), 36, 8}}}})
              .starts_with(R"([{"key":{"saddr":16777226,"daddr":"fd00::","ip_version":4,)"));
}

TEST_CASE("a map of both directions is drained in the first of them, and null in the other") {
    const Metrics m;
    MetricView again = m.counters(BPF_MAP_TYPE_ARRAY);
    again.direction = Direction::egress;
    again.same_as = Direction::ingress;
    CHECK(render_json(dynmon_format, {{again, {}}}) ==
          R"({"ingress-metrics":[],"egress-metrics":[{"name":"packets_total","value":null,)"
          R"("timestamp":1599403699607360}]})"
          "\n");
    CHECK(render_json({}, {{again, {}}}).find(R"("same-as":"ingress","value":[])") !=
          std::string::npos);
    CHECK(
        render({.format = Format::table}, {{again, {}}}).ends_with("array  shown under ingress\n"));
}
