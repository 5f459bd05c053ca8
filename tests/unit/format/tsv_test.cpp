// SPDX-License-Identifier: BSD-2-Clause
#include "format/metrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("TSV has a header and one row an entry, tabs in between") {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_HASH), {batch(flow_keys, flow_values)}};
    CHECK(render({.format = format_of("tsv")}, {part, at_egress(part)}) ==
          "direction\tmetric\tsequence\tkey.saddr\tkey.dport\tkey.proto\tvalue.packets\t"
          "value.bytes\tvalue.last\n"
          "ingress\tflows\t7\t10.0.0.1\t443\tTCP\t5\t500\t2026-11-21T12:00:00.000000000Z\n"
          "ingress\tflows\t7\t10.0.0.2\t53\tUDP\t7\t70\t\n"
          "egress\tflows\t7\t10.0.0.1\t443\tTCP\t5\t500\t2026-11-21T12:00:00.000000000Z\n"
          "egress\tflows\t7\t10.0.0.2\t53\tUDP\t7\t70\t\n");
}

TEST_CASE("TSV escapes tabs, line ends and backslashes, and nothing else") {
    Metrics m;
    const MetricView view = m.texts("a\tb");
    const std::string texts(
        "q\"q,'\0\0\0\t\ta\0\0\0\0\0\r\nl\n\0\0\0\0\\\\t\\\0\0\0\0\x01\\\0\0\0\0\0\0", 40);
    const Batch all{5, nullptr, reinterpret_cast<const std::byte*>(texts.data()), 0, 8};
    CHECK(render({.format = format_of("tsv"), .added = {{"site", "\\lab"}}}, {{view, {all}}}, "") ==
          "metric\tsite\tvalue\n"
          "a\\tb\t\\\\lab\tq\"q,'\n"
          "a\\tb\t\\\\lab\t\\t\\ta\n"
          "a\\tb\t\\\\lab\t\\r\\nl\\n\n"
          "a\\tb\t\\\\lab\t\\\\\\\\t\\\\\n"
          "a\\tb\t\\\\lab\t\x01\\\\\n");
}

TEST_CASE("TSV is safe for a spreadsheet if asked") {
    Metrics m;
    const MetricView view = m.texts("n");
    const std::string texts("=1+1\0\0\0\0\t=1\0\0\0\0\0a=b\0\0\0\0\0", 24);
    const Batch all{3, nullptr, reinterpret_cast<const std::byte*>(texts.data()), 0, 8};
    CHECK(render({.format = format_of("tsv"), .csv_safe = true}, {{view, {all}}}, "") ==
          "metric\tvalue\nn\t'=1+1\nn\t'\\t=1\nn\ta=b\n");
}

TEST_CASE("TSV is one table: metrics of other columns are refused by its name") {
    const Metrics m;
    const MetricView flows = m.flows(BPF_MAP_TYPE_HASH);
    const MetricView counters = m.counters(BPF_MAP_TYPE_ARRAY);
    Sink sink(-1);
    CHECK(fault([&] {
              make_exporter({.format = format_of("tsv")}, sink)->prepare({&flows, &counters});
          }).starts_with("tsv is one table, and these are metrics"));
}
