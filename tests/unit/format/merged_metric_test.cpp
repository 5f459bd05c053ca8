// SPDX-License-Identifier: BSD-2-Clause
// What becomes of the copies of a per-CPU value, in every format.
#include <cmath>

#include "format/merged_metric.hpp"
#include "format/metrics.hpp"
#include "format/openmetrics.hpp"
#include "format/shape.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

// One entry of two CPUs, whose sum is more than one of them can count to.
class Wide {
public:
    explicit Wide(bool of_64_bits = false) {
        view = metrics.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
        if (!of_64_bits)
            view.value = metrics.types.layout(metrics.types.u32, 4);
        if (of_64_bits)
            counts = {UINT64_MAX, 3};
    }
    Part part() const { return {view, {batch(ids, counts, 2)}}; }

    Metrics metrics;
    MetricView view;
    std::vector<std::uint32_t> ids = {7};
    // Of 32 bits too: a copy takes eight bytes.
    std::vector<std::uint64_t> counts = {4'000'000'000, 1'000'000'000};
};

std::string openmetrics(const Wide& wide, MetricType type) {
    MetricView view = wide.view;
    view.open_metrics.emplace();
    view.open_metrics->type = type;
    SeriesTable table(view);
    table.add(wide.part().batches.front());
    Sink sink(-1);
    write_openmetrics({&table}, {}, sink);
    return sink.buffer();
}

} // namespace

TEST_CASE("a sum over CPUs has more bits than what each of them counts in, in every format") {
    const Wide wide;
    CHECK(render_json({.value_only = true}, {wide.part()}) ==
          "[{\"key\":7,\"value\":5000000000}]\n");
    CHECK(render_json({.raw = true, .value_only = true}, {wide.part()}) ==
          "[{\"key\":7,\"value\":5000000000}]\n");
    CHECK(render_json({.value_only = true, .wide_as_text = true}, {wide.part()}) ==
          "[{\"key\":7,\"value\":5000000000}]\n"); // exact in a double on any number of CPUs
    CHECK(render({.format = Format::csv}, {wide.part()}, "") ==
          "metric,key,value\r\npackets_total,7,5000000000\r\n");
    CHECK(render({.format = Format::table}, {wide.part()}, "").find(" 5000000000\n") !=
          std::string::npos);
    CHECK(render({.format = Format::npy}, {wide.part()}).find("(\"value\", \"<u8\")") !=
          std::string::npos);
    CHECK(openmetrics(wide, MetricType::counter).find("} 5000000000\n") != std::string::npos);
    CHECK(openmetrics(wide, MetricType::gauge).find("} 5000000000\n") != std::string::npos);
}

TEST_CASE("sums of 64 bits go on to 128; a format that has no more than 64 says so") {
    const Wide wide(true);
    CHECK(render_json({.value_only = true}, {wide.part()}) ==
          "[{\"key\":7,\"value\":18446744073709551618}]\n");
    CHECK(render_json({.value_only = true, .wide_as_text = true}, {wide.part()}) ==
          "[{\"key\":7,\"value\":\"18446744073709551618\"}]\n");
    CHECK(render({.format = Format::csv}, {wide.part()}, "") ==
          "metric,key,value\r\npackets_total,7,18446744073709551618\r\n");
    CHECK_THROWS_WITH_AS(render({.format = Format::npy}, {wide.part()}),
                         "a sum over the CPUs needs more than the 64 bits that a record has for it",
                         Error);
    Wide small(true);
    small.counts = {UINT64_MAX - 3, 3};
    CHECK(render({.format = Format::npy}, {small.part()}).find("(\"value\", \"<u8\")") !=
          std::string::npos);
    // A counter of OpenMetrics begins again, a gauge stays where it cannot go on.
    CHECK(openmetrics(wide, MetricType::counter).find("} 2\n") != std::string::npos);
    CHECK(openmetrics(wide, MetricType::gauge).find("} 18446744073709551615\n") !=
          std::string::npos);
}

TEST_CASE("conditions, orders and rates see the true sum") {
    const Wide wide;
    const auto json = [&](ExportOptions options) {
        options.value_only = true;
        return render_json(options, {wide.part()});
    };
    const std::string shown = "[{\"key\":7,\"value\":5000000000}]\n";
    CHECK(json({.where = "value == 5000000000"}) == shown);
    CHECK(json({.where = "value > 4.5G"}) == shown);
    CHECK(json({.where = "value < 4G"}) == "[]\n");
    CHECK(json({.rate = true}) == "[{\"key\":7,\"value\":3333333333.0}]\n"); // of 1.5 s
    Wide two;
    two.ids = {7, 8};
    two.counts = {4'000'000'000, 1'000'000'000, 2'000'000'000, 0};
    CHECK(render_json({.value_only = true, .sort = "-value"}, {two.part()}) ==
          "[{\"key\":7,\"value\":5000000000},{\"key\":8,\"value\":2000000000}]\n");
    CHECK(fault([&] { require_shape({.where = "value == 5000000000"}, {&wide.view}); }).empty());
}

TEST_CASE("what a rule does not fit is refused by name before anything is read") {
    Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    view.value = untyped_layout(12);
    CHECK(fault([&] {
              MergedMetric merged(view);
          }).starts_with("merge 'sum' does not fit 'value': bytes are neither added up nor"));
    view.merge = Merge::none;
    CHECK(MergedMetric(view).view().cpus == 2);
}
