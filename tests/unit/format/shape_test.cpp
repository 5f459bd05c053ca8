// SPDX-License-Identifier: BSD-2-Clause
#include <cmath>
#include <random>

#include "format/metrics.hpp"
#include "format/shape.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

const std::vector<FlowKey> keys = {{0x0100000a, 0xbb01, 6, 0},  // 10.0.0.1 443 TCP
                                   {0x0200000a, 0x3500, 17, 0}, // 10.0.0.2 53 UDP
                                   {0x0300000a, 0x5000, 6, 0},  // 10.0.0.3 80 TCP
                                   {0x0100a8c0, 0xbb01, 6, 0}}; // 192.168.0.1 443 TCP
const std::vector<Flow> values = {{5, 500, noon}, {7, 70, 0}, {5, 2'000'000, noon}, {1, 40, 0}};

std::string flows(const Metrics& m, ExportOptions options) {
    options.value_only = options.format == Format::json;
    options.now_ns = noon;
    const MetricView view = m.flows(BPF_MAP_TYPE_HASH);
    require_shape(options, {&view});
    return render(options, {{view, {batch(keys, values)}}}, "");
}

std::string refused(const ExportOptions& options, const std::vector<const MetricView*>& views) {
    return fault([&] { require_shape(options, views); });
}

} // namespace

TEST_CASE("a condition, an order, a limit and columns work in front of every format") {
    const Metrics m;
    ExportOptions options{.where = "proto == TCP && packets >= 5",
                          .sort = "-bytes",
                          .columns = {"dport", "saddr", "bytes"}};
    options.format = Format::json;
    CHECK(flows(m, options) ==
          R"([{"key":{"dport":80,"saddr":"10.0.0.3"},"value":{"bytes":2000000}},)"
          R"({"key":{"dport":443,"saddr":"10.0.0.1"},"value":{"bytes":500}}])"
          "\n");
    options.format = Format::csv;
    CHECK(flows(m, options) == "metric,key.dport,key.saddr,value.bytes\r\n"
                               "flows,80,10.0.0.3,2000000\r\n"
                               "flows,443,10.0.0.1,500\r\n");
    options.format = Format::table;
    CHECK(flows(m, options) == "flows  hash  2 rows, 2 filtered out\n"
                               "dport  saddr       bytes\n"
                               "   80  10.0.0.3  2000000\n"
                               "  443  10.0.0.1      500\n");
    options.top = 1;
    CHECK(flows(m, options) == "flows  hash  top 1 of 2 rows, 2 filtered out\n"
                               "dport  saddr       bytes\n"
                               "   80  10.0.0.3  2000000\n");
}

TEST_CASE("nothing that meets the condition is an empty document and not none") {
    const Metrics m;
    CHECK(flows(m, {.format = Format::json, .where = "bytes > 1TB"}) == "[]\n");
    CHECK(flows(m, {.format = Format::table, .where = "bytes > 1TB"}) ==
          "flows  hash  0 rows, 4 filtered out\n");
}

TEST_CASE("several columns sort, equal entries keep the order of the map") {
    const Metrics m;
    const auto order = [&](const char* sort, std::size_t top = 0) {
        return flows(m, {.format = Format::csv, .sort = sort, .top = top, .columns = {"saddr"}});
    };
    CHECK(order("packets,-bytes") == "metric,key.saddr\r\nflows,192.168.0.1\r\nflows,10.0.0.3\r\n"
                                     "flows,10.0.0.1\r\nflows,10.0.0.2\r\n");
    CHECK(order("-dport") == "metric,key.saddr\r\nflows,10.0.0.1\r\nflows,192.168.0.1\r\n"
                             "flows,10.0.0.3\r\nflows,10.0.0.2\r\n");
    CHECK(order("-saddr", 2) == "metric,key.saddr\r\nflows,192.168.0.1\r\nflows,10.0.0.3\r\n");
    CHECK(order("last,proto,-saddr", 1) == "metric,key.saddr\r\nflows,192.168.0.1\r\n");
}

TEST_CASE("64 bits sort exactly") {
    const Metrics m;
    const std::vector<std::uint32_t> ids = {1, 2, 3};
    const std::vector<std::uint64_t> counts = {(1ull << 60) + 1, (1ull << 60) + 2, 1ull << 60};
    const Part part{m.counters(BPF_MAP_TYPE_HASH), {batch(ids, counts)}};
    CHECK(render({.format = Format::csv, .sort = "-value", .columns = {"key"}}, {part}, "") ==
          "metric,key\r\npackets_total,2\r\npackets_total,1\r\npackets_total,3\r\n");
}

TEST_CASE("top N without an order are the first ones") {
    const Metrics m;
    CHECK(flows(m, {.format = Format::csv, .top = 2, .columns = {"packets"}}) ==
          "metric,value.packets\r\nflows,5\r\nflows,7\r\n");
}

TEST_CASE("an array that is filtered or sorted is shown with its index") {
    const Metrics m;
    const std::vector<std::uint32_t> indices = {0, 1, 2};
    const std::vector<std::uint64_t> counts = {0, 9, 4};
    const Part part{m.counters(BPF_MAP_TYPE_ARRAY), {batch(indices, counts)}};
    const auto json = [&](ExportOptions options) {
        options.value_only = true;
        return render_json(options, {part});
    };
    CHECK(json({}) == "[0,9,4]\n");
    CHECK(json({.top = 2}) == "[0,9]\n");
    CHECK(json({.where = "value"}) == R"([{"key":1,"value":9},{"key":2,"value":4}])"
                                      "\n");
    CHECK(json({.sort = "-value", .top = 1}) == R"([{"key":1,"value":9}])"
                                                "\n");
    CHECK(json({.where = "value", .columns = {"value"}}) == "[9,4]\n");
    CHECK(json({.columns = {"key", "value"}}) ==
          R"([{"key":0,"value":0},{"key":1,"value":9},{"key":2,"value":4}])"
          "\n");
}

TEST_CASE("values of several CPUs are merged before they are judged and sorted") {
    const Metrics m;
    const std::vector<std::uint32_t> ids = {1, 2};
    const std::vector<std::uint64_t> counts = {60, 50, 99, 1}; // two CPUs: 110 and 100
    MetricView view = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    const auto json = [&](ExportOptions options) {
        options.value_only = true;
        return render_json(options, {{view, {batch(ids, counts, 2)}}});
    };
    CHECK(json({.where = "value > 105"}) == R"([{"key":1,"value":110}])"
                                            "\n");
    CHECK(json({.sort = "-value", .top = 1}) == R"([{"key":1,"value":110}])"
                                                "\n");
    view.merge = Merge::max;
    CHECK(json({.where = "value > 90"}) == R"([{"key":2,"value":99}])"
                                           "\n");
    // Kept apart: any CPU's value counts, for an order the first one's.
    view.merge = Merge::none;
    CHECK(json({.where = "value > 90"}) == R"([{"key":2,"value":[99,1]}])"
                                           "\n");
    CHECK(json({.sort = "value"}) == R"([{"key":2,"value":[99,1]},{"key":1,"value":[60,50]}])"
                                     "\n");
    CHECK(render({.format = Format::table, .sort = "-value", .top = 1},
                 {{view, {batch(ids, counts, 2)}}}, "") ==
          "packets_total  percpu_hash  top 2 of 4 rows\n"
          "key  cpu  value\n"
          "  2    0     99\n"
          "  2    1      1\n");
}

TEST_CASE("rates are per second of the window, or of the metric's own time") {
    const Metrics m;
    ExportOptions options{
        .format = Format::csv, .columns = {"packets", "last", "bytes"}, .rate = true};
    MetricView view = m.flows(BPF_MAP_TYPE_HASH);
    const std::vector<Flow> three = {{3, 15, noon}};
    const std::vector<FlowKey> one = {keys[0]};
    const Part part{view, {batch(one, three)}};
    CHECK(render(options, {part}) == // 1.5 s
          "direction,metric,sequence,value.packets,value.last,value.bytes\r\n"
          "ingress,flows,7,2.0,2026-11-21T12:00:00.000000000Z,10.0\r\n");
    view.from_ns = noon - 3'000'000'000;
    CHECK(render(options, {{view, {batch(one, three)}}}) ==
          "direction,metric,sequence,value.packets,value.last,value.bytes\r\n"
          "ingress,flows,7,1.0,2026-11-21T12:00:00.000000000Z,5.0\r\n");
    options.format = Format::json;
    options.where = "packets == 3"; // as it was counted
    CHECK(render_json(options, {part}).find(R"("value":[{"packets":2.0,"last":"2026-11-21T)") !=
          std::string::npos);
}

TEST_CASE("rates of CPUs that are kept apart") {
    const Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    view.merge = Merge::none;
    const std::vector<std::uint32_t> ids = {1};
    const std::vector<std::uint64_t> counts = {3, 6};
    const ExportOptions options{.value_only = true, .rate = true};
    CHECK(render_json(options, {{view, {batch(ids, counts, 2)}}}) ==
          R"([{"key":1,"value":[2.0,4.0]}])"
          "\n");
}

TEST_CASE("many entries in many batches are filtered, sorted and cut as a simple program would") {
    const Metrics m;
    std::mt19937_64 random(5);
    std::vector<std::uint32_t> ids;
    std::vector<std::uint64_t> counts;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        ids.push_back(i);
        counts.push_back(random() % 1000);
    }
    std::vector<Batch> batches;
    for (std::size_t at = 0; at < ids.size(); at += 777) {
        Batch part = batch(ids, counts);
        part.count = std::min<std::size_t>(777, ids.size() - at);
        part.keys += at * part.key_stride;
        part.values += at * part.value_stride;
        batches.push_back(part);
    }
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < ids.size(); ++i)
        if (counts[i] >= 100 && counts[i] % 2 == 0)
            chosen.push_back(i);
    std::stable_sort(chosen.begin(), chosen.end(),
                     [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
    for (const std::size_t top : {std::size_t{0}, std::size_t{1}, std::size_t{500}}) {
        std::string expected = "metric,key,value\r\n";
        for (std::size_t i = 0; i < chosen.size() && (top == 0 || i < top); ++i)
            expected += "packets_total," + std::to_string(ids[chosen[i]]) + "," +
                        std::to_string(counts[chosen[i]]) + "\r\n";
        CHECK(render({.format = Format::csv,
                      .where = "value >= 100 && !(value & 1)",
                      .sort = "-value",
                      .top = top},
                     {{m.counters(BPF_MAP_TYPE_HASH), batches}}, "") == expected);
    }
}

TEST_CASE("what does not go together is refused before anything is read") {
    const Metrics m;
    const MetricView flows_view = m.flows(BPF_MAP_TYPE_HASH);
    const MetricView counters = m.counters(BPF_MAP_TYPE_ARRAY);
    CHECK(refused({.format = Format::openmetrics, .where = "packets"}, {&flows_view}) ==
          "--where does not go with --format openmetrics (it shows totals of all entries, which "
          "would be wrong of some of them)");
    CHECK(refused({.format = Format::dynmon, .top = 1}, {&flows_view})
              .starts_with("--top does not go with --format dynmon"));
    CHECK(refused({.where = "pakets > 1"}, {&flows_view}) ==
          "--where: column 1: no field 'pakets'\n    pakets > 1\n    ^^^^^^ (did you mean "
          "'packets'?)");
    CHECK(refused({.where = "packets >"}, {&flows_view}).starts_with("--where: column 10: "));
    CHECK(refused({.columns = {"byte"}}, {&flows_view}) ==
          "--columns: no field 'byte' (did you mean 'bytes'?)");
    // A condition has to fit every metric; what is filtered out is gone.
    CHECK(refused({.where = "dport == 443"}, {&flows_view, &counters}) ==
          "metric 'packets_total': --where: column 1: no field 'dport'\n    dport == 443\n"
          "    ^^^^^ (the fields are key, value\nit has to fit every metric that is read: name one "
          "behind the monitor)");
    // An order that one of them has takes nothing from the others.
    CHECK(refused({.sort = "-bytes"}, {&flows_view, &counters}).empty());
    CHECK(refused({.sort = "-octets"}, {&flows_view, &counters})
              .starts_with("--sort: no field 'octets'"));
    MetricView level = counters;
    level.open_metrics.emplace().type = MetricType::gauge;
    CHECK(refused({.rate = true}, {&level}).starts_with("--rate: no field adds up"));
    CHECK(refused({.rate = true}, {&level, &flows_view}).empty());
}
