// SPDX-License-Identifier: BSD-2-Clause
#include <cmath>

#include "format/metrics.hpp"
#include "format/openmetrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

OpenMetrics section(MetricType type, std::vector<Label> labels = {},
                    std::vector<Series> list = {}) {
    OpenMetrics result;
    result.help = "Help.";
    result.type = type;
    result.labels = std::move(labels);
    result.series = std::move(list);
    return result;
}

std::string text(const std::vector<const SeriesTable*>& tables,
                 const std::vector<std::pair<std::string, std::string>>& identity = {}) {
    Sink sink(-1);
    write_openmetrics(tables, identity, sink);
    return sink.buffer();
}

std::string text_of(const MetricView& view, const std::vector<Batch>& batches) {
    SeriesTable table(view);
    for (const Batch& entries : batches)
        table.add(entries);
    return text({&table});
}

} // namespace

TEST_CASE("addresses of IPv4 and IPv6 are series of their own, also when their bytes are alike") {
    Metrics m;
    struct Key {
        std::uint8_t saddr[16];
        std::uint8_t ip_version;
    };
    Types& t = m.types;
    const int ip = t.alias("dynmon_ip_t", t.array(t.u8, 16));
    MetricView view = m.flows(BPF_MAP_TYPE_HASH);
    view.key = t.layout(t.group("k", sizeof(Key), {{"saddr", ip, 0}, {"ip_version", t.u8, 128}}),
                        sizeof(Key), {}, "key");
    view.open_metrics = section(MetricType::counter, {key_label("saddr", "key.saddr")},
                                {series_of("packets", "value.packets")});
    Key key{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}, 4};
    std::vector<Key> keys = {key, key, key};
    keys[1].ip_version = 6;
    keys[2] = {{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 6};
    keys.push_back(keys[2]);
    keys[3].ip_version = 0; // says nothing, and the text is the same
    const std::vector<Flow> values = {{5, 0, 0}, {7, 0, 0}, {1, 0, 0}, {2, 0, 0}};
    CHECK(text_of(view, {batch(keys, values)}) ==
          "# TYPE packets counter\n"
          "# HELP packets Help.\n"
          "packets_total{saddr=\"10.0.0.1\",direction=\"ingress\"} 5\n"
          "packets_total{saddr=\"::ffff:10.0.0.1\",direction=\"ingress\"} 7\n"
          "packets_total{saddr=\"fd00::1\",direction=\"ingress\"} 3\n"
          "# EOF\n");
}

TEST_CASE("one map value is many series, told apart by labels from the key") {
    const Metrics m;
    MetricView view = m.flows(BPF_MAP_TYPE_HASH);
    view.open_metrics = section(MetricType::counter,
                                {key_label("proto", "key.proto"), fixed_label("app", "a\"b\\c\nd")},
                                {series_of("flow-packets_total", "value.packets"),
                                 series_of("flow_bytes_total", "value.bytes", "bytes"),
                                 series_of("flow_last", "value.last", "", MetricType::gauge)});
    const std::vector<FlowKey> keys = {{1, 1, 6, 0}, {2, 2, 17, 0}, {3, 3, 6, 0}};
    const std::vector<Flow> values = {{5, 500, 10}, {7, 70, 20}, {1, 2, 30}};
    SeriesTable table(view);
    table.add(batch(keys, values));
    CHECK(table.id_size() == 1);
    CHECK(table.value_count() == 3);
    CHECK(
        text({&table}, {{"monitor", "web"}, {"device", "eth0"}}) ==
        "# TYPE flow_bytes counter\n"
        "# UNIT flow_bytes bytes\n"
        "# HELP flow_bytes Help.\n"
        "flow_bytes_total{monitor=\"web\",device=\"eth0\",proto=\"TCP\",app=\"a\\\"b\\\\c\\nd\","
        "direction=\"ingress\"} 502\n"
        "flow_bytes_total{monitor=\"web\",device=\"eth0\",proto=\"UDP\",app=\"a\\\"b\\\\c\\nd\","
        "direction=\"ingress\"} 70\n"
        "# TYPE flow_last gauge\n"
        "# HELP flow_last Help.\n"
        "flow_last{monitor=\"web\",device=\"eth0\",proto=\"TCP\",app=\"a\\\"b\\\\c\\nd\","
        "direction=\"ingress\"} 30\n"
        "flow_last{monitor=\"web\",device=\"eth0\",proto=\"UDP\",app=\"a\\\"b\\\\c\\nd\","
        "direction=\"ingress\"} 20\n"
        "# TYPE flow_packets counter\n"
        "# HELP flow_packets Help.\n"
        "flow_packets_total{monitor=\"web\",device=\"eth0\",proto=\"TCP\",app=\"a\\\"b\\\\c\\nd\","
        "direction=\"ingress\"} 6\n"
        "flow_packets_total{monitor=\"web\",device=\"eth0\",proto=\"UDP\",app=\"a\\\"b\\\\c\\nd\","
        "direction=\"ingress\"} 7\n"
        "# EOF\n");
}

TEST_CASE("both directions of a metric are one family") {
    const Metrics m;
    MetricView in = m.counters(BPF_MAP_TYPE_ARRAY);
    in.open_metrics = section(MetricType::counter);
    MetricView out = in;
    out.direction = Direction::egress;
    const std::vector<std::uint32_t> index = {0};
    const std::vector<std::uint64_t> count = {UINT64_MAX};
    SeriesTable ingress(in);
    SeriesTable egress(out);
    ingress.add(batch(index, count));
    egress.add(batch(index, count));
    CHECK(text({&ingress, &egress}) ==
          "# TYPE packets counter\n# HELP packets Help.\n"
          "packets_total{direction=\"ingress\"} 18446744073709551615\n"
          "packets_total{direction=\"egress\"} 18446744073709551615\n# EOF\n");
}

TEST_CASE("the index distinguishes the entries of an array") {
    const Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_ARRAY);
    view.open_metrics = section(MetricType::gauge);
    const std::vector<std::uint32_t> indices = {0, 1};
    const std::vector<std::uint64_t> counts = {3, 4};
    CHECK(text_of(view, {batch(indices, counts)}) ==
          "# TYPE packets_total gauge\n# HELP packets_total Help.\n"
          "packets_total{index=\"0\",direction=\"ingress\"} 3\n"
          "packets_total{index=\"1\",direction=\"ingress\"} 4\n# EOF\n");
    view.open_metrics->labels = {key_label("slot", "key")};
    CHECK(text_of(view, {batch(indices, counts)}).find("{slot=\"1\",direction=\"ingress\"} 4\n") !=
          std::string::npos);
}

TEST_CASE(
    "per-CPU values are merged, or told apart by the CPU when the manifest wants none merged") {
    const Metrics m;
    const std::vector<std::uint32_t> key = {9};
    const std::vector<std::uint64_t> counts = {3, 40};
    MetricView view = m.counters(BPF_MAP_TYPE_PERCPU_HASH, 2);
    view.open_metrics = section(MetricType::counter);
    CHECK(text_of(view, {batch(key, counts, 2)}).find("{direction=\"ingress\"} 43\n") !=
          std::string::npos);
    view.merge = Merge::max;
    CHECK(text_of(view, {batch(key, counts, 2)}).find("{direction=\"ingress\"} 40\n") !=
          std::string::npos);
    view.merge = Merge::none;
    CHECK(text_of(view, {batch(key, counts, 2)}) ==
          "# TYPE packets counter\n# HELP packets Help.\n"
          "packets_total{cpu=\"0\",direction=\"ingress\"} 3\n"
          "packets_total{cpu=\"1\",direction=\"ingress\"} 40\n# EOF\n");
}

TEST_CASE("counters and unknown series add up, of gauges the last one wins") {
    const Metrics m;
    const std::vector<std::uint32_t> keys = {1, 2};
    const std::vector<std::uint64_t> counts = {3, 4};
    const auto value = [&](MetricType type) {
        MetricView view = m.counters(BPF_MAP_TYPE_HASH);
        view.open_metrics = section(type);
        const std::string all = text_of(view, {batch(keys, counts)});
        return all.substr(all.find("} ") + 2, 2);
    };
    CHECK(value(MetricType::counter) == "7\n");
    CHECK(value(MetricType::untyped) == "7\n");
    CHECK(value(MetricType::gauge) == "4\n");
}

TEST_CASE("untyped is unknown, which is what no TYPE says") {
    const Metrics m;
    const std::vector<std::uint32_t> keys = {1};
    const std::vector<std::uint64_t> counts = {3};
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.open_metrics = section(MetricType::untyped);
    view.open_metrics->help = "say \"hi\" \\ \n there";
    CHECK(text_of(view, {batch(keys, counts)}) ==
          "# HELP packets_total say 'hi' \\\\ \\n there\n"
          "packets_total{direction=\"ingress\"} 3\n# EOF\n");
}

TEST_CASE("in the classic text a counter's type and help have the name of its samples") {
    Metrics m;
    const std::vector<std::uint32_t> keys = {1};
    const std::vector<std::uint64_t> counts = {3};
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    const auto classic = [&](MetricType type, const std::string& name,
                             const std::string& unit = {}) {
        Series series;
        series.name = name;
        series.unit = unit;
        view.open_metrics = section(type, {}, {series});
        SeriesTable table(view);
        table.add(batch(keys, counts));
        Sink sink(-1);
        write_openmetrics({&table}, {}, sink, {}, Exposition::classic);
        return sink.buffer();
    };
    CHECK(classic(MetricType::counter, "flow_bytes", "bytes") ==
          "# TYPE flow_bytes_total counter\n# HELP flow_bytes_total Help.\n"
          "flow_bytes_total{direction=\"ingress\"} 3\n");
    CHECK(classic(MetricType::gauge, "packets_total") ==
          "# TYPE packets_total gauge\n# HELP packets_total Help.\n"
          "packets_total{direction=\"ingress\"} 3\n");
}

TEST_CASE("signed numbers and reals keep their sign and their exactness") {
    Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_QUEUE);
    view.value = m.types.layout(m.types.s32, 4);
    view.open_metrics = section(MetricType::gauge);
    const int minus = -5;
    CHECK(text_of(view, {{1, nullptr, raw(minus), 0, 4}}).find("} -5\n") != std::string::npos);
    view.open_metrics = section(MetricType::counter);
    CHECK(text_of(view, {{1, nullptr, raw(minus), 0, 4}})
              .find("_total{direction=\"ingress\"} -5\n") != std::string::npos);
    view.value = m.types.layout(btf__add_float(m.types.edit(), "double", 8), 8);
    const double none = NAN;
    CHECK(text_of(view, {{1, nullptr, raw(none), 0, 8}})
              .find("_total{direction=\"ingress\"} NaN\n") != std::string::npos);
    const std::vector<double> halves = {0.25, 0.5};
    const Batch both{2, nullptr, raw(halves[0]), 0, 8};
    CHECK(text_of(view, {both}).find("} 0.75\n") != std::string::npos);
    view.open_metrics = section(MetricType::gauge);
    const double infinite = -HUGE_VAL;
    view.value = m.types.layout(btf__add_float(m.types.edit(), "_Float16", 2), 2);
    const std::uint16_t half = 0x3e00;
    CHECK(text_of(view, {{1, nullptr, raw(half), 0, 2}}).find("} 1.5\n") != std::string::npos);
    view.value = m.types.layout(btf__add_float(m.types.edit(), "double", 8), 8);
    CHECK(text_of(view, {{1, nullptr, raw(infinite), 0, 8}}).find("} -Inf\n") != std::string::npos);
}

TEST_CASE("what stands behind a text or beside a bitfield makes no second series") {
    Metrics m;
    Types& t = m.types;
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.key = t.layout(
        t.group("k", 8,
                {{"name", t.array(t.c8, 4), 0}, {"lo", t.u32, 32, 4}, {"hi", t.s32, 36, 4}}),
        8, {}, "key");
    view.open_metrics =
        section(MetricType::counter, {key_label("name", "key.name"), key_label("hi", "key.hi")});
    const std::string keys("lo\0\x01\x21\0\0\0lo\0\x02\x22\0\0\0lo\0\x02\xf2\0\0\0", 24);
    const std::vector<std::uint64_t> counts = {3, 4, 5};
    const Batch entries{3, reinterpret_cast<const std::byte*>(keys.data()), raw(counts[0]), 8, 8};
    SeriesTable table(view);
    table.add(entries);
    CHECK(table.rows().size() == 2);
    CHECK(text({&table}) ==
          "# TYPE packets counter\n# HELP packets Help.\n"
          "packets_total{name=\"lo\",hi=\"2\",direction=\"ingress\"} 7\n"
          "packets_total{name=\"lo\",hi=\"-1\",direction=\"ingress\"} 5\n# EOF\n");
}

TEST_CASE("a label from a bitfield has the width and the sign of the field") {
    Types t;
    const int key = t.group("key", 1, {{"level", t.s8, 0, 4}, {"mask", t.s8, 4, 4}});
    MetricView view;
    view.name = "seen";
    view.map_type = BPF_MAP_TYPE_HASH;
    view.key = t.layout(key, 1, {{"key.mask", "hex"}}, "key");
    view.value = t.layout(t.u64, 8);
    view.open_metrics = section(MetricType::counter,
                                {key_label("level", "key.level"), key_label("mask", "key.mask")},
                                {series_of("seen_total", "value")});
    const std::vector<std::uint8_t> keys = {0xfd};
    const std::vector<std::uint64_t> values = {1};
    CHECK(text_of(view, {batch(keys, values)}).find("level=\"-3\",mask=\"0xf\"") !=
          std::string::npos);
}

TEST_CASE("labels that read the same are one sample") {
    Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.key = m.types.layout(m.types.array(m.types.c8, 4), 4, {}, "key");
    view.open_metrics = section(MetricType::counter, {key_label("name", "key")});
    const std::string keys("\xff\0\0\0\xfe\0\0\0", 8);
    const std::vector<std::uint64_t> counts = {3, 4};
    CHECK(
        text_of(view, {{2, reinterpret_cast<const std::byte*>(keys.data()), raw(counts[0]), 4, 8}})
            .find("packets_total{name=\"\xef\xbf\xbd\",direction=\"ingress\"} 7\n") !=
        std::string::npos);
}

TEST_CASE("stored totals count for what adds up; gauges show only what was read") {
    const Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.open_metrics =
        section(MetricType::counter, {key_label("k", "key")},
                {series_of("sum", "value"), series_of("now", "value", "", MetricType::gauge)});
    const std::vector<std::uint32_t> keys = {1};
    const std::vector<std::uint64_t> counts = {5};
    SeriesTable window(view);
    window.add(batch(keys, counts));
    SeriesTable table(view);
    const std::uint64_t stored[] = {100, 999};
    const std::uint32_t two = 2;
    table.add_total(reinterpret_cast<const std::byte*>(window.rows().id(0).data()), stored);
    table.add_total(raw(two), stored);
    const std::string metadata_now = "# TYPE now gauge\n# HELP now Help.\n";
    const std::string metadata_sum = "# TYPE sum counter\n# HELP sum Help.\n";
    CHECK(text({&table}) == metadata_now + metadata_sum +
                                "sum_total{k=\"1\",direction=\"ingress\"} 100\n"
                                "sum_total{k=\"2\",direction=\"ingress\"} 100\n# EOF\n");
    SeriesTable live(view);
    live.absorb(table);
    live.absorb(window);
    window.clear_sums(); // as when they are in the totals
    table.absorb(window);
    CHECK(text({&table}) == metadata_now + "now{k=\"1\",direction=\"ingress\"} 5\n" + metadata_sum +
                                "sum_total{k=\"1\",direction=\"ingress\"} 100\n"
                                "sum_total{k=\"2\",direction=\"ingress\"} 100\n# EOF\n");
    CHECK(text({&live}) == metadata_now + "now{k=\"1\",direction=\"ingress\"} 5\n" + metadata_sum +
                               "sum_total{k=\"1\",direction=\"ingress\"} 105\n"
                               "sum_total{k=\"2\",direction=\"ingress\"} 100\n# EOF\n");
}

TEST_CASE("a table outlives its metric and leaves out what was defined differently") {
    const Metrics m;
    const std::vector<std::uint32_t> keys = {1};
    const std::vector<std::uint64_t> counts = {5};
    std::optional<SeriesTable> table;
    {
        MetricView view = m.counters(BPF_MAP_TYPE_HASH);
        view.open_metrics = section(MetricType::counter, {key_label("k", "key")});
        table.emplace(view);
    }
    table->add(batch(keys, counts));
    const std::string alone = text({&*table});
    CHECK(alone.find("packets_total{k=\"1\",direction=\"ingress\"} 5\n") != std::string::npos);
    for (const OpenMetrics& other :
         {section(MetricType::counter, {key_label("kk", "key")}),
          section(MetricType::gauge, {key_label("k", "key")}), section(MetricType::counter),
          section(MetricType::counter, {key_label("k", "key")},
                  {series_of("a", "value"), series_of("b", "value")})}) {
        MetricView view = m.counters(BPF_MAP_TYPE_HASH);
        view.open_metrics = other;
        SeriesTable window(view);
        window.add(batch(keys, counts));
        table->absorb(window);
        CHECK(text({&*table}) == alone);
    }
}

TEST_CASE("a label of the manifest is not given twice") {
    const Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.open_metrics = section(MetricType::gauge,
                                {fixed_label("direction", "both"), fixed_label("monitor", "mine")});
    const std::vector<std::uint32_t> keys = {1};
    const std::vector<std::uint64_t> counts = {5};
    SeriesTable table(view);
    table.add(batch(keys, counts));
    CHECK(text({&table}, {{"monitor", "web"}}).find("{direction=\"both\",monitor=\"mine\"} 5\n") !=
          std::string::npos);
}

TEST_CASE("a section that cannot be exported is refused by name") {
    const Metrics m;
    const auto refused = [&](OpenMetrics open_metrics, bpf_map_type type = BPF_MAP_TYPE_HASH) {
        MetricView view = m.flows(type);
        if (is_queue_like(type))
            view.key.reset();
        view.open_metrics = std::move(open_metrics);
        return fault([&] { SeriesTable table(view); });
    };
    const std::vector<Series> good = {series_of("", "value.packets")};
    CHECK(refused(section(MetricType::counter, {}, good)).empty());
    CHECK(refused(section(MetricType::counter)) == "metric 'flows': 'value' is not a number");
    CHECK(refused(section(MetricType::counter, {}, {series_of("", "value.pkts")})) ==
          "metric 'flows': no field 'value.pkts' in the value");
    CHECK(refused(section(MetricType::counter, {key_label("p", "key.protocol")}, good)) ==
          "metric 'flows': label 'p': no field 'key.protocol' in the key");
    CHECK(refused(section(MetricType::counter, {key_label("p", "value.packets")}, good)) ==
          "metric 'flows': label 'p': no field 'value.packets' in the key");
    CHECK(refused(section(MetricType::counter, {key_label("p", "key")}, good)) ==
          "metric 'flows': label 'p': 'key' is not one value");
    CHECK(refused(section(MetricType::counter, {key_label("p", "key.proto")}, good),
                  BPF_MAP_TYPE_QUEUE) ==
          "metric 'flows': label 'p': no field 'key.proto' in the key");
    CHECK(refused(section(MetricType::counter, {fixed_label("a-b", "1"), fixed_label("a_b", "2")},
                          good)) == "metric 'flows': two labels have the name 'a_b'");
    CHECK(refused(section(MetricType::counter, {},
                          {series_of("", "value.packets"), series_of("", "value.bytes")})) ==
          "metric 'flows': two series have the name 'flows'");
    CHECK(
        refused(section(MetricType::counter, {}, {series_of("traffic", "value.bytes", "bytes")})) ==
        "metric 'flows': the name 'traffic' does not end with its unit '_bytes'");
}

TEST_CASE("two metrics cannot claim a name as different things") {
    const Metrics m;
    const auto written = [&](const char* first, MetricType a, const char* second, MetricType b) {
        MetricView one = m.counters(BPF_MAP_TYPE_HASH);
        one.name = first;
        one.open_metrics = section(a);
        MetricView two = m.counters(BPF_MAP_TYPE_HASH);
        two.name = second;
        two.open_metrics = section(b);
        const SeriesTable x(one);
        const SeriesTable y(two);
        return fault([&] { text({&x, &y}); });
    };
    CHECK(written("hits", MetricType::counter, "hits_total", MetricType::counter).empty());
    CHECK(written("hits", MetricType::counter, "hits", MetricType::gauge) ==
          "metrics 'hits' and 'hits' both export 'hits', with another type or unit");
    CHECK(written("hits", MetricType::counter, "hits_total", MetricType::gauge) ==
          "metric 'hits_total' exports 'hits_total', which belongs to the counter 'hits' of metric "
          "'hits'");
}
