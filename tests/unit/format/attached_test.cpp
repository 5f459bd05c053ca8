// SPDX-License-Identifier: BSD-2-Clause
// What each format says of a monitor that packets do not reach any more.
#include "format/export_options.hpp"
#include "format/metrics.hpp"
#include "format/openmetrics.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

std::string text_of(Format format, const std::vector<CountingPlace>& places, bool bare = false) {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_HASH), {}};
    return render({.format = format, .value_only = bare}, {part}, "web", 1, places);
}

std::string exposition(const std::vector<CountingPlace>& places,
                       const std::string& family = "flow_packets") {
    const Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.open_metrics = OpenMetrics{};
    view.open_metrics->type = MetricType::gauge;
    view.open_metrics->series = {series_of(family.c_str(), "value")};
    const SeriesTable table(view);
    Sink sink(-1);
    write_openmetrics({&table}, {{"monitor", "w\"b"}, {"device", "eth0"}}, sink, places);
    return sink.buffer();
}

} // namespace

TEST_CASE("JSON says of each direction whether packets reach the monitor there") {
    std::vector<CountingPlace> places = half_attached();
    const auto attached = [&] {
        return nlohmann::json::parse(text_of(Format::json, places)).at("attached");
    };
    CHECK(attached() == nlohmann::json{{"ingress", false}, {"egress", true}});
    places[0].attached.reset();
    CHECK(attached() == nlohmann::json{{"ingress", nullptr}, {"egress", true}});
    places[1].direction = Direction::ingress; // two hooks of one direction: all of them count
    CHECK(attached() == nlohmann::json{{"ingress", nullptr}});
    places[1].attached = false;
    CHECK(attached() == nlohmann::json{{"ingress", false}});
    CHECK(text_of(Format::json, {}).find("attached") == std::string::npos); // a map on its own
    CHECK(text_of(Format::json, places, true).find("attached") == std::string::npos);
}

TEST_CASE(
    "JSON lines have a line for a direction that counts nothing, since it may have no other") {
    CHECK(text_of(Format::jsonl, half_attached()) ==
          "{\"direction\":\"ingress\",\"sequence\":7,\"attached\":false,"
          "\"health\":\"detached\"}\n");
    CHECK(text_of(Format::jsonl, half_attached(), true).empty());
    CHECK(text_of(Format::jsonl, {half_attached()[1]}).empty());
}

TEST_CASE("a table says it in the title of the window") {
    CHECK(text_of(Format::table, half_attached())
              .starts_with("web  window 7  2026-11-21T11:59:58.500000000Z  1.5s  tc-ingress is "
                           "detached: nothing is counted there\n"));
    CHECK(text_of(Format::table, {half_attached()[1]}).find(" is ") == std::string::npos);
}

TEST_CASE("CSV and the document of Dynmon have no place for it and stay as they are") {
    CHECK(text_of(Format::csv, half_attached()) == text_of(Format::csv, {}));
    CHECK(text_of(Format::dynmon, half_attached()) == text_of(Format::dynmon, {}));
}

TEST_CASE("OpenMetrics has a gauge for each hook that is known") {
    std::vector<CountingPlace> places = half_attached();
    const std::string family = "# TYPE dynmon_hook_attached gauge\n"
                               "# HELP dynmon_hook_attached Whether packets reach the monitor at "
                               "this hook; where it is 0 nothing is counted.\n";
    const std::string in = "dynmon_hook_attached{monitor=\"w\\\"b\",device=\"eth0\",direction="
                           "\"ingress\",hook=\"tc-ingress\"} 0\n";
    const std::string out = "dynmon_hook_attached{monitor=\"w\\\"b\",device=\"eth0\",direction="
                            "\"egress\",hook=\"tc-egress\"} 1\n";
    CHECK(exposition(places).starts_with(family + in + out));
    CHECK(exposition(places).ends_with("# EOF\n"));
    places[0].attached.reset(); // not known: the gauge leaves it out
    CHECK(exposition(places).starts_with(family + out));
    places[1].attached.reset();
    CHECK(exposition(places) == exposition({}));
    CHECK_THROWS_WITH_AS(exposition({}, "dynmon_hook_attached"),
                         "metric 'packets_total' exports 'dynmon_hook_attached', which dynmon "
                         "itself exports",
                         Error);
}
