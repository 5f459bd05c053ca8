// SPDX-License-Identifier: BSD-2-Clause
// Prints an exposition that has everything a reader may stumble over; read by
// openmetrics_strict_test.py.
#include <cstdlib>

#include <unistd.h>

#include "format/openmetrics.hpp"

#define DOCTEST_CONFIG_IMPLEMENT
#include "format/metrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

MetricView flow_metric(const Metrics& m) {
    MetricView view = m.flows(BPF_MAP_TYPE_HASH);
    OpenMetrics section;
    section.help = "A \"quoted\" help\nof two lines \\ with a backslash.";
    section.type = MetricType::counter;
    section.labels = {key_label("src-addr", "key.saddr"), key_label("proto", "key.proto"),
                      fixed_label("site", "caf\xc3\xa9 \"x\"\n\\ \xff")};
    section.series = {series_of("flow-packets_total", "value.packets"),
                      series_of("flow_bytes", "value.bytes", "bytes"),
                      series_of("9th_last", "value.last", "", MetricType::gauge),
                      series_of("flow_level", "value.last", "", MetricType::untyped)};
    view.open_metrics = section;
    return view;
}

struct Delays {
    std::uint32_t slots[32];
    std::uint64_t total_ns;
};

// A histogram in the value of a hash, and one whose buckets are the elements of an array.
MetricView delay_metric(Metrics& m) {
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.name = "delays";
    view.value = m.types.layout(m.types.group("delays", sizeof(Delays),
                                              {{"slots", m.types.array(m.types.u32, 32), 0},
                                               {"total_ns", m.types.u64, 32 * 32}}),
                                sizeof(Delays));
    OpenMetrics section;
    section.help = "How long it took.";
    section.type = MetricType::histogram;
    section.labels = {key_label("port", "key")};
    section.series = {series_of("delay_seconds", "value.slots", "seconds")};
    section.buckets = Buckets{};
    section.buckets->multiplier = 1e-9;
    section.buckets->sum = "value.total_ns";
    view.open_metrics = section;
    return view;
}

MetricView size_metric(const Metrics& m) {
    MetricView view = m.counters(BPF_MAP_TYPE_ARRAY);
    view.name = "sizes";
    view.open_metrics = OpenMetrics{};
    view.open_metrics->help = "Lengths less 64.";
    view.open_metrics->type = MetricType::histogram;
    view.open_metrics->buckets = Buckets{};
    view.open_metrics->buckets->scale = BucketScale::linear;
    view.open_metrics->buckets->key = "key";
    view.open_metrics->buckets->count = 4;
    view.open_metrics->buckets->min = -64;
    view.open_metrics->buckets->width = 100;
    return view;
}

MetricView counter_metric(const Metrics& m, Direction direction) {
    MetricView view = m.counters(BPF_MAP_TYPE_ARRAY);
    view.direction = direction;
    view.open_metrics = OpenMetrics{};
    view.open_metrics->help = "Packets.";
    view.open_metrics->type = MetricType::counter;
    return view;
}

} // namespace

int main() {
    doctest::Context context; // what the helpers assert is fatal here
    context.setAsDefaultForAssertsOutOfTestCases();
    context.setAssertHandler([](const doctest::AssertData& assertion) {
        if (assertion.m_failed)
            std::abort();
    });
    Metrics m;
    const MetricView delays = delay_metric(m);
    const MetricView sizes = size_metric(m);
    const MetricView flows = flow_metric(m);
    const MetricView in = counter_metric(m, Direction::ingress);
    const MetricView out = counter_metric(m, Direction::egress);
    const std::vector<std::uint32_t> indices = {0, 1};
    const std::vector<std::uint64_t> counts = {3, UINT64_MAX};
    SeriesTable a(flows);
    SeriesTable b(in);
    SeriesTable c(out);
    a.add(batch(flow_keys, flow_values));
    b.add(batch(indices, counts));
    c.add(batch(indices, counts));
    const std::vector<std::uint32_t> ports = {53, 443};
    std::vector<Delays> taken(2);
    taken[0].slots[0] = 4;
    taken[0].slots[9] = 2;
    taken[0].slots[31] = 1;
    taken[0].total_ns = 5'000'000'123;
    SeriesTable d(delays);
    SeriesTable e(sizes);
    d.add(batch(ports, taken));
    e.add(batch(std::vector<std::uint32_t>{0, 1, 2, 3}, std::vector<std::uint64_t>{7, 0, 5, 1}));
    Sink sink(STDOUT_FILENO);
    write_openmetrics({&a, &b, &c, &d, &e}, {{"monitor", "web"}, {"device", "eth0"}}, sink);
    sink.flush();
    return 0;
}
