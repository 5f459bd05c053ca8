// SPDX-License-Identifier: BSD-2-Clause
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

TEST_CASE("CPUs that are kept apart have a row each, a queue no key") {
    const Metrics m;
    const std::vector<std::uint32_t> indices = {0, 1};
    const std::vector<std::uint64_t> two = {3, 4};
    const std::vector<std::uint64_t> four = {1, 2, 30, 40};
    MetricView apart = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    apart.merge = Merge::none;
    const std::vector<std::uint32_t> no_keys;
    const ExportOptions raw{.format = Format::csv, .raw = true};
    CHECK(render(raw, {{apart, {batch(indices, four, 2)}}}) ==
          "direction,metric,sequence,key,cpu,value\r\n"
          "ingress,packets_total,7,0,0,1\r\n"
          "ingress,packets_total,7,0,1,2\r\n"
          "ingress,packets_total,7,1,0,30\r\n"
          "ingress,packets_total,7,1,1,40\r\n");
    CHECK(render(raw, {{m.counters(BPF_MAP_TYPE_QUEUE), {batch(no_keys, two)}}}) ==
          "direction,metric,sequence,value\r\n"
          "ingress,packets_total,7,3\r\n"
          "ingress,packets_total,7,4\r\n");
}

TEST_CASE("CSV is one table: metrics of other columns are refused before anything is read") {
    const Metrics m;
    const MetricView flows = m.flows(BPF_MAP_TYPE_HASH);
    const MetricView counters = m.counters(BPF_MAP_TYPE_ARRAY);
    MetricView more = counters;
    more.name = "more";
    Sink sink(-1);
    const auto prepare = [&](const ExportOptions& options,
                             const std::vector<const MetricView*>& views) {
        return fault([&] { make_exporter(options, sink)->prepare(views); });
    };
    CHECK(prepare({.format = Format::csv}, {&flows, &counters, &flows, &more}) ==
          "csv is one table, and these are metrics with columns of their own: 'flows', "
          "'packets_total', 'more' (name one of them behind the monitor, or use --format jsonl)");
    CHECK(prepare({.format = Format::csv}, {&flows, &flows}).empty());
    CHECK(prepare({.format = Format::csv}, {&counters, &more}).empty());
    // What counts are the columns that are shown, with CPUs merged.
    MetricView of_cpus = m.counters(BPF_MAP_TYPE_PERCPU_ARRAY, 2);
    CHECK(prepare({.format = Format::csv}, {&counters, &of_cpus}).empty());
    MetricView other = flows;
    other.name = "other";
    other.key = counters.key;
    CHECK(!prepare({.format = Format::csv}, {&flows, &other}).empty());
    CHECK(prepare({.format = Format::csv, .columns = {"packets", "bytes"}}, {&flows, &other})
              .empty());
    CHECK(sink.buffer().empty());

    // What a replaced probe left comes unannounced.
    const std::vector<std::uint32_t> index = {0};
    const std::vector<std::uint64_t> one = {3};
    CHECK(fault([&] {
              render({.format = Format::csv},
                     {{flows, {batch(flow_keys, flow_values)}}, {counters, {batch(index, one)}}});
          }) == "csv is one table, and metric 'packets_total' has other columns than the rows "
                "before it (read again into another file, or use --format jsonl)");
}

TEST_CASE("exporters that write one CSV file one after the other share its header") {
    const Metrics m;
    const std::vector<std::uint32_t> index = {0};
    const std::vector<std::uint64_t> one = {3};
    const Part part{m.counters(BPF_MAP_TYPE_ARRAY), {batch(index, one)}};
    Sink sink(-1);
    for (int i = 0; i < 3; ++i)
        render_to({.format = Format::csv}, {part}, sink, "web");
    CHECK(sink.buffer() == "direction,metric,sequence,key,value\r\ningress,packets_total,7,0,3\r\n"
                           "ingress,packets_total,7,0,3\r\ningress,packets_total,7,0,3\r\n");
}

TEST_CASE("each row of a monitor says where it comes from, and what was added") {
    const Metrics m;
    const std::vector<std::uint32_t> index = {0};
    const std::vector<std::uint64_t> one = {3};
    const Part part{m.counters(BPF_MAP_TYPE_ARRAY), {batch(index, one)}};
    ExportOptions options{.format = Format::csv, .host = "gw", .added = {{"site", "a,b"}}};
    CHECK(render(options, {part, at_egress(part)}, "web", 1, half_attached()) ==
          "host,monitor,device,namespace,direction,metric,sequence,from,to,site,key,value\r\n"
          "gw,web,eth0,blue,ingress,packets_total,7,2026-11-21T11:59:58.500000000Z,"
          "2026-11-21T12:00:00.000000000Z,\"a,b\",0,3\r\n"
          "gw,web,eth0,4026531840,egress,packets_total,7,2026-11-21T11:59:58.500000000Z,"
          "2026-11-21T12:00:00.000000000Z,\"a,b\",0,3\r\n");
    options.raw = true;
    options.host = ""; // not known, and nor is where it counts
    CHECK(render(options, {part}) ==
          "host,monitor,device,namespace,direction,metric,sequence,from,to,site,key,value\r\n"
          ",web,,,ingress,packets_total,7,1795262398500000000,1795262400000000000,\"a,b\",0,3\r\n");
    options.host.reset();
    CHECK(render(options, {part}, "web", 1, half_attached()) ==
          "direction,metric,sequence,site,key,value\r\ningress,packets_total,7,\"a,b\",0,3\r\n");
    options.host = "gw"; // a map on its own comes from no monitor
    CHECK(render(options, {part}, "").starts_with("metric,site,key,value\r\npackets_total,"));
}

TEST_CASE("columns are chosen from those of the metric: where a row comes from stays") {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_HASH), {batch(flow_keys, flow_values)}};
    const ExportOptions options{
        .format = Format::csv, .columns = {"dport"}, .host = "gw", .added = {{"site", "a"}}};
    CHECK(render(options, {part}, "web", 1, half_attached())
              .starts_with("host,monitor,device,namespace,direction,metric,sequence,from,to,site,"
                           "key.dport\r\ngw,web,eth0,blue,ingress,flows,7,"));
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
    const MetricView view = m.texts("a,b");
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
    const MetricView view = m.texts("n");
    const std::string texts("=1+1\0\0\0\0+a\0\0\0\0\0\0-b\0\0\0\0\0\0@c,d\0\0\0\0a=b\0\0\0\0\0",
                            40);
    const Batch all{5, nullptr, reinterpret_cast<const std::byte*>(texts.data()), 0, 8};
    CHECK(render({.format = Format::csv, .csv_safe = true}, {{view, {all}}}, "") ==
          "metric,value\r\nn,'=1+1\r\nn,'+a\r\nn,'-b\r\nn,\"'@c,d\"\r\nn,a=b\r\n");
    CHECK(render({.format = Format::csv}, {{view, {all}}}, "") ==
          "metric,value\r\nn,=1+1\r\nn,+a\r\nn,-b\r\nn,\"@c,d\"\r\nn,a=b\r\n");

    const ExportOptions added{
        .format = Format::csv, .csv_safe = true, .host = "@gw", .added = {{"a", "=1"}, {"b", "1"}}};
    CHECK(render(added, {{view, {all}}})
              .find("'@gw,web,,,ingress,n,7,2026-11-21T11:59:58.5"
                    "00000000Z,2026-11-21T12:00:00.000000000Z,'=1,1,"
                    "'=1+1\r\n") != std::string::npos);

    MetricView numbers = m.counters(BPF_MAP_TYPE_QUEUE);
    numbers.name = "n";
    numbers.value = m.types.layout(m.types.s64, 8);
    const std::int64_t below = -5;
    const Batch one{1, nullptr, reinterpret_cast<const std::byte*>(&below), 0, 8};
    CHECK(render({.format = Format::csv, .csv_safe = true}, {{numbers, {one}}}, "") ==
          "metric,value\r\nn,-5\r\n");
}
