// Prints an exposition that has everything a reader may stumble over; read by
// openmetrics_strict_test.py.
#include <cstdlib>

#include <unistd.h>

#include "export/openmetrics.hpp"

#define DOCTEST_CONFIG_IMPLEMENT
#include "export/metrics.hpp"

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
                      series_of("flow_level", "value.last", "", MetricType::histogram)};
    view.open_metrics = section;
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
    const Metrics m;
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
    Sink sink(STDOUT_FILENO);
    write_openmetrics({&a, &b, &c}, {{"monitor", "web"}, {"device", "eth0"}}, sink);
    sink.flush();
    return 0;
}
