// SPDX-License-Identifier: BSD-2-Clause
#include "format/metrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

const std::vector<std::uint32_t> indices = {0, 1};
const std::vector<std::uint32_t> no_keys;

} // namespace

TEST_CASE("JSON lines: an entry of a monitor says which metric and window it is of") {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_HASH), {batch(flow_keys, flow_values)}};
    const std::string rest =
        "\"sequence\":7,\"key\":{\"saddr\":\"10.0.0.2\",\"dport\":53,\"proto\":\"UDP\"},\"value\":{"
        "\"packets\":7,\"bytes\":70,\"last\":null}}\n";
    const std::string text = render({.format = Format::jsonl}, {part, at_egress(part)});
    CHECK(text.find("{\"metric\":\"flows\",\"direction\":\"ingress\"," + rest) != text.npos);
    CHECK(text.ends_with("{\"metric\":\"flows\",\"direction\":\"egress\"," + rest));
    CHECK(std::count(text.begin(), text.end(), '\n') == 4);
}

TEST_CASE("JSON lines: values only, and maps of no monitor, have key and value") {
    const Metrics m;
    const std::vector<std::uint64_t> two = {3, 4};
    const Part array{m.counters(BPF_MAP_TYPE_ARRAY), {batch(indices, two)}};
    const Part queue{m.counters(BPF_MAP_TYPE_QUEUE), {batch(no_keys, two)}};
    const std::string expected = "{\"key\":0,\"value\":3}\n{\"key\":1,\"value\":4}\n"
                                 "{\"value\":3}\n{\"value\":4}\n";
    CHECK(render({.format = Format::jsonl}, {array, queue}, "") == expected);
    CHECK(render({.format = Format::jsonl, .value_only = true}, {array, queue}) == expected);
}

TEST_CASE("JSON lines: CPUs are merged, or a list where they are apart, also without a key") {
    const Metrics m;
    const std::vector<std::uint64_t> four = {1, 2, 30, 40};
    MetricView view = m.counters(BPF_MAP_TYPE_PERCPU_ARRAY, 2);
    CHECK(render({.format = Format::jsonl}, {{view, {batch(indices, four, 2)}}}, "") ==
          "{\"key\":0,\"value\":3}\n{\"key\":1,\"value\":70}\n");
    view.merge = Merge::none;
    CHECK(render({.format = Format::jsonl}, {{view, {batch(indices, four, 2)}}}, "") ==
          "{\"key\":0,\"value\":[1,2]}\n{\"key\":1,\"value\":[30,40]}\n");
    view.key.reset();
    CHECK(render({.format = Format::jsonl}, {{view, {batch(no_keys, four, 2)}}}, "") ==
          "{\"value\":[1,2]}\n{\"value\":[30,40]}\n");
    CHECK(render({.format = Format::jsonl}, {{view, {no_entries()}}}, "") == "");
}

TEST_CASE("JSON lines: each says where it comes from, and what was added") {
    const Metrics m;
    const std::vector<std::uint64_t> two = {3, 4};
    const Part part{m.counters(BPF_MAP_TYPE_ARRAY), {batch(indices, two)}};
    ExportOptions options{.format = Format::jsonl, .host = "gw", .added = {{"site", "a\"b"}}};
    const std::string source =
        "{\"host\":\"gw\",\"monitor\":\"web\",\"device\":\"eth0\",\"namespace\":\"blue\",";
    const std::string window = "\"sequence\":7,\"from\":\"2026-11-21T11:59:58.500000000Z\","
                               "\"to\":\"2026-11-21T12:00:00.000000000Z\",\"site\":\"a\\\"b\",";
    const std::string metric = "\"metric\":\"packets_total\",\"direction\":\"ingress\",";
    CHECK(render(options, {part}, "web", 1, half_attached()) ==
          source + "\"direction\":\"ingress\"," + window +
              "\"attached\":false,\"health\":\"detached\"}\n" + source + metric + window +
              "\"key\":0,\"value\":3}\n" + source + metric + window + "\"key\":1,\"value\":4}\n");
    CHECK(render({.format = Format::jsonl, .value_only = true, .host = "gw"}, {part}) ==
          "{\"key\":0,\"value\":3}\n{\"key\":1,\"value\":4}\n");
    options = {.format = Format::jsonl, .raw = true, .host = ""};
    const std::string raw =
        "{\"host\":null,\"monitor\":\"web\",\"device\":null,\"namespace\":null," + metric +
        "\"sequence\":7,\"from\":";
    CHECK(render(options, {part})
              .starts_with(raw + "1795262398500000000,\"to\":1795262400000000000,\"key\":0,"));
    options.wide_as_text = true;
    CHECK(render(options, {part})
              .starts_with(raw +
                           "\"1795262398500000000\",\"to\":\"1795262400000000000\",\"key\":0,"));
    options = {.format = Format::jsonl, .added = {{"site", "a"}}};
    CHECK(render(options, {part})
              .starts_with("{" + metric + "\"sequence\":7,\"site\":\"a\",\"key\":0,"));
}
