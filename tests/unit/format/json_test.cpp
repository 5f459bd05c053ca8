// SPDX-License-Identifier: BSD-2-Clause
#include "format/metrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("a window of typed flows is one line of JSON") {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_HASH), {batch(flow_keys, flow_values)}};
    CHECK(render_json({.format = Format::json}, {part, at_egress(part)}) ==
          R"({"monitor":"web","generation":3,"window":{"sequence":7,)"
          R"("from":"2026-11-21T11:59:58.500000000Z","to":"2026-11-21T12:00:00.000000000Z"},)"
          R"("ingress-metrics":[{"name":"flows","map":"FLOWS","type":"hash","value":[)"
          R"({"key":{"saddr":"10.0.0.1","dport":443,"proto":"TCP"},)"
          R"("value":{"packets":5,"bytes":500,"last":"2026-11-21T12:00:00.000000000Z"}},)"
          R"({"key":{"saddr":"10.0.0.2","dport":53,"proto":"UDP"},)"
          R"("value":{"packets":7,"bytes":70,"last":null}}],"timestamp":1599403699607360}],)"
          R"("egress-metrics":[{"name":"flows","map":"FLOWS","type":"hash","value":[)"
          R"({"key":{"saddr":"10.0.0.1","dport":443,"proto":"TCP"},)"
          R"("value":{"packets":5,"bytes":500,"last":"2026-11-21T12:00:00.000000000Z"}},)"
          R"({"key":{"saddr":"10.0.0.2","dport":53,"proto":"UDP"},)"
          R"("value":{"packets":7,"bytes":70,"last":null}}],"timestamp":1599403699607360}]})"
          "\n");
}

TEST_CASE("raw JSON has the numbers as they are stored") {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_LRU_HASH), {batch(flow_keys, flow_values)}};
    CHECK(render_json({.format = Format::json, .raw = true}, {part}) ==
          R"({"monitor":"web","generation":3,"window":{"sequence":7,"from":1795262398500000000,)"
          R"("to":1795262400000000000},"ingress-metrics":[{"name":"flows","map":"FLOWS",)"
          R"("type":"lru_hash","value":[{"key":{"saddr":16777226,"dport":47873,"proto":6},)"
          R"("value":{"packets":5,"bytes":500,"last":1795262400000000000}},)"
          R"({"key":{"saddr":33554442,"dport":13568,"proto":17},)"
          R"("value":{"packets":7,"bytes":70,"last":0}}],"timestamp":1599403699607360}],)"
          R"("egress-metrics":[]})"
          "\n");
}

TEST_CASE("each kind of map has its shape, empty or not") {
    const Metrics m;
    const std::vector<std::uint32_t> indices = {0, 1};
    const std::vector<std::uint64_t> two = {3, 4};
    const std::vector<std::uint64_t> four = {1, 2, 30, 40};
    MetricView apart = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    apart.merge = Merge::none;
    MetricView apart_array = m.counters(BPF_MAP_TYPE_PERCPU_ARRAY, 2);
    apart_array.merge = Merge::none;
    MetricView max = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    max.merge = Merge::max;
    const std::vector<std::uint32_t> no_keys;
    const std::pair<Part, const char*> cases[] = {
        {{m.counters(BPF_MAP_TYPE_ARRAY), {batch(indices, two)}}, "[3,4]"},
        {{m.counters(BPF_MAP_TYPE_HASH), {batch(indices, two)}},
         R"([{"key":0,"value":3},{"key":1,"value":4}])"},
        {{m.counters(BPF_MAP_TYPE_HASH), {batch(indices, two), batch(indices, two)}},
         R"([{"key":0,"value":3},{"key":1,"value":4},{"key":0,"value":3},{"key":1,"value":4}])"},
        {{m.counters(BPF_MAP_TYPE_HASH), {}}, "[]"},
        {{m.counters(BPF_MAP_TYPE_HASH), {no_entries()}}, "[]"},
        {{m.counters(BPF_MAP_TYPE_QUEUE), {batch(no_keys, two)}}, "[3,4]"},
        {{m.counters(BPF_MAP_TYPE_STACK), {}}, "[]"},
        {{m.counters(BPF_MAP_TYPE_PERCPU_ARRAY, 2), {batch(indices, four, 2)}}, "[3,70]"},
        {{m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2), {batch(indices, four, 2)}},
         R"([{"key":0,"value":3},{"key":1,"value":70}])"},
        {{max, {batch(indices, four, 2)}}, R"([{"key":0,"value":2},{"key":1,"value":40}])"},
        {{apart, {batch(indices, four, 2)}},
         R"([{"key":0,"value":[1,2]},{"key":1,"value":[30,40]}])"},
        {{apart_array, {batch(indices, four, 2)}}, "[[1,2],[30,40]]"},
        {{m.counters(BPF_MAP_TYPE_LPM_TRIE), {batch(indices, two)}},
         R"([{"key":0,"value":3},{"key":1,"value":4}])"},
    };
    for (const auto& [part, expected] : cases)
        CHECK(render_json({.format = Format::json, .value_only = true}, {part}) ==
              std::string(expected) + "\n");
}

TEST_CASE("copies of a per-CPU value are 8 bytes apart at least") {
    const Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 3);
    view.value = m.types.layout(m.types.u32, 4);
    const std::vector<std::uint32_t> key = {9};
    const std::vector<std::uint64_t> padded = {1, 2, 3};
    CHECK(render_json({.format = Format::json, .value_only = true},
                      {{view, {batch(key, padded, 3)}}}) == "[{\"key\":9,\"value\":6}]\n");
}

TEST_CASE("several bare values stand under their direction and name") {
    const Metrics m;
    const std::vector<std::uint32_t> index = {0};
    const std::vector<std::uint64_t> one = {3};
    Part a{m.counters(BPF_MAP_TYPE_ARRAY), {batch(index, one)}};
    Part b{m.counters(BPF_MAP_TYPE_HASH), {}};
    b.view.name = "say \"hi\"";
    CHECK(render_json({.format = Format::json, .value_only = true, .metric_count = 3},
                      {a, b, at_egress(a)}) ==
          R"({"ingress-metrics":{"packets_total":[3],"say \"hi\"":[]},)"
          R"("egress-metrics":{"packets_total":[3]}})"
          "\n");
}

TEST_CASE("a stream of windows is one document a line") {
    const Metrics m;
    const std::vector<std::uint32_t> index = {0};
    const std::vector<std::uint64_t> one = {3};
    const std::string text =
        render({.format = Format::json}, {{m.counters(BPF_MAP_TYPE_ARRAY), {batch(index, one)}}},
               "web", 2);
    const std::size_t end = text.find('\n') + 1;
    CHECK(text.size() == 2 * end);
    CHECK(text.substr(0, end) == text.substr(end));
    CHECK(nlohmann::json::accept(text.substr(0, end)));
}

TEST_CASE("ingress metrics after egress ones are refused rather than put into the wrong list") {
    const Metrics m;
    const Part part{m.counters(BPF_MAP_TYPE_HASH), {}};
    CHECK_THROWS_AS(render({.format = Format::json}, {at_egress(part), part}), Error);
}
