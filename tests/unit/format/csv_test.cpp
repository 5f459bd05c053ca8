#include "format/metrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("CSV has a header and one row an entry, metrics of the same columns share a table") {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_HASH), {batch(flow_keys, flow_values)}};
    CHECK(render({.format = Format::csv}, {part, at_egress(part)}) ==
          "direction,metric,sequence,key.saddr,key.dport,key.proto,value.packets,value.bytes,"
          "value.last\r\n"
          "ingress,flows,7,10.0.0.1,443,TCP,5,500,2026-11-21T12:00:00.000000000Z\r\n"
          "ingress,flows,7,10.0.0.2,53,UDP,7,70,\r\n"
          "egress,flows,7,10.0.0.1,443,TCP,5,500,2026-11-21T12:00:00.000000000Z\r\n"
          "egress,flows,7,10.0.0.2,53,UDP,7,70,\r\n");
}

TEST_CASE("other columns start another table, CPUs that are kept apart have a row each") {
    const Metrics m;
    const std::vector<std::uint32_t> indices = {0, 1};
    const std::vector<std::uint64_t> two = {3, 4};
    const std::vector<std::uint64_t> four = {1, 2, 30, 40};
    MetricView apart = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    apart.merge = Merge::none;
    const std::vector<std::uint32_t> no_keys;
    CHECK(render({.format = Format::csv, .raw = true},
                 {{m.counters(BPF_MAP_TYPE_ARRAY), {batch(indices, two)}},
                  {apart, {batch(indices, four, 2)}},
                  {m.counters(BPF_MAP_TYPE_QUEUE), {batch(no_keys, two)}}}) ==
          "direction,metric,sequence,key,value\r\n"
          "ingress,packets_total,7,0,3\r\n"
          "ingress,packets_total,7,1,4\r\n"
          "\r\n"
          "direction,metric,sequence,key,cpu,value\r\n"
          "ingress,packets_total,7,0,0,1\r\n"
          "ingress,packets_total,7,0,1,2\r\n"
          "ingress,packets_total,7,1,0,30\r\n"
          "ingress,packets_total,7,1,1,40\r\n"
          "\r\n"
          "direction,metric,sequence,value\r\n"
          "ingress,packets_total,7,3\r\n"
          "ingress,packets_total,7,4\r\n");
}

TEST_CASE("a stream of windows has one header, a map on its own no window") {
    const Metrics m;
    const std::vector<std::uint32_t> index = {0};
    const std::vector<std::uint64_t> one = {3};
    const Part part{m.counters(BPF_MAP_TYPE_ARRAY), {batch(index, one)}};
    CHECK(render({.format = Format::csv}, {part}, "web", 2) ==
          "direction,metric,sequence,key,value\r\ningress,packets_total,7,0,3\r\n"
          "ingress,packets_total,7,0,3\r\n");
    CHECK(render({.format = Format::csv}, {part}, "") ==
          "metric,key,value\r\npackets_total,0,3\r\n");
}

TEST_CASE("cells with commas, quotes and line ends are quoted") {
    Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_QUEUE);
    view.name = "a,b";
    view.value = m.types.layout(m.types.array(m.types.c8, 8), 8);
    const std::string texts("plain\0\0\0a,b\0\0\0\0\0q\"q\0\0\0\0\0l\r\nl\0\0\0\0", 32);
    const Batch all{4, nullptr, reinterpret_cast<const std::byte*>(texts.data()), 0, 8};
    CHECK(render({.format = Format::csv}, {{view, {all}}}, "") ==
          "metric,value\r\n\"a,b\",plain\r\n\"a,b\",\"a,b\"\r\n\"a,b\",\"q\"\"q\"\r\n"
          "\"a,b\",\"l\r\nl\"\r\n");
}

// PROMISES:
// O-3 `--csv-safe` keeps a spreadsheet
TEST_CASE("texts that a spreadsheet would run begin with a quote if asked, numbers never") {
    Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_QUEUE);
    view.name = "n";
    view.value = m.types.layout(m.types.array(m.types.c8, 8), 8);
    const std::string texts("=1+1\0\0\0\0+a\0\0\0\0\0\0-b\0\0\0\0\0\0@c,d\0\0\0\0a=b\0\0\0\0\0",
                            40);
    const Batch all{5, nullptr, reinterpret_cast<const std::byte*>(texts.data()), 0, 8};
    CHECK(render({.format = Format::csv, .csv_safe = true}, {{view, {all}}}, "") ==
          "metric,value\r\nn,'=1+1\r\nn,'+a\r\nn,'-b\r\nn,\"'@c,d\"\r\nn,a=b\r\n");
    CHECK(render({.format = Format::csv}, {{view, {all}}}, "") ==
          "metric,value\r\nn,=1+1\r\nn,+a\r\nn,-b\r\nn,\"@c,d\"\r\nn,a=b\r\n");

    MetricView numbers = m.counters(BPF_MAP_TYPE_QUEUE);
    numbers.name = "n";
    numbers.value = m.types.layout(m.types.s64, 8);
    const std::int64_t below = -5;
    const Batch one{1, nullptr, reinterpret_cast<const std::byte*>(&below), 0, 8};
    CHECK(render({.format = Format::csv, .csv_safe = true}, {{numbers, {one}}}, "") ==
          "metric,value\r\nn,-5\r\n");
}
