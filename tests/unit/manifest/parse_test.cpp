// SPDX-License-Identifier: BSD-2-Clause
#include <string>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "manifest/manifest.hpp"
#include "manifest/samples.hpp"

using namespace dynmon;

namespace {

std::string first_fault(const ParsedManifest& parsed) {
    if (parsed.diagnostics.empty())
        return "";
    const Diagnostic& first = parsed.diagnostics.front();
    return std::to_string(first.at.line) + ":" + std::to_string(first.at.column) + " " +
           first.message;
}

Manifest good(std::string_view text) {
    ParsedManifest parsed = parse_manifest(text);
    CHECK_MESSAGE(parsed.diagnostics.empty(), first_fault(parsed));
    return std::move(parsed.manifest);
}

std::string hint_of(std::string_view text) {
    const ParsedManifest parsed = parse_manifest(text);
    return parsed.diagnostics.empty() ? "" : parsed.diagnostics.front().hint;
}

} // namespace

TEST_CASE("every good sample is taken") {
    const auto list = test::samples("good");
    CHECK(list.size() >= 15);
    for (const test::Sample& sample : list) {
        const ParsedManifest parsed = parse_manifest(sample.text);
        CHECK_MESSAGE(parsed.diagnostics.empty(), sample.name << ": " << first_fault(parsed));
    }
}

TEST_CASE("every bad sample has exactly the one fault it expects, where it expects it") {
    for (const char* folder : {"bad", "beyond-schema"}) {
        const auto list = test::samples(folder);
        CHECK(list.size() >= 20);
        for (const test::Sample& sample : list) {
            const ParsedManifest parsed = parse_manifest(sample.text);
            CHECK_MESSAGE(!sample.expect.empty(), sample.name << ": nothing expected");
            CHECK_MESSAGE(parsed.diagnostics.size() == 1, sample.name);
            CHECK_MESSAGE(first_fault(parsed).starts_with(sample.expect),
                          sample.name << ": " << first_fault(parsed));
        }
    }
}

TEST_CASE("what a manifest leaves out has its default") {
    const Manifest manifest = good("name: flows\ningress-path:\n  metric-configs:\n"
                                   "    - {name: flows, map-name: FLOWS}\n");
    CHECK(manifest.name == "flows");
    CHECK(manifest.object == "flows.bpf.o");
    CHECK(manifest.hook == HookKind::tc);
    CHECK(manifest.xdp_mode == XdpMode::native);
    CHECK_FALSE(manifest.xdp_fallback_generic);
    CHECK_FALSE(manifest.may_drop());
    CHECK(manifest.path(Direction::egress) == nullptr);
    REQUIRE(manifest.path(Direction::ingress) != nullptr);
    const PathConfig& path = *manifest.path(Direction::ingress);
    CHECK(path.program.empty());
    REQUIRE(path.metrics.size() == 1);
    CHECK_FALSE(path.metrics[0].swap_on_read);
    CHECK_FALSE(path.metrics[0].empty_on_read);
    CHECK_FALSE(path.metrics[0].open_metrics.has_value());
    CHECK_FALSE(path.metrics[0].merge.has_value());
}

TEST_CASE("every key of a manifest reaches its field") {
    std::string text;
    for (const test::Sample& sample : test::samples("good")) {
        if (sample.name == "good/everything.yaml")
            text = sample.text;
    }
    const Manifest manifest = good(text);
    CHECK(manifest.object == "every-thing.bpf.o");
    CHECK(manifest.description == "Uses every key there is.");
    CHECK(manifest.hook == HookKind::xdp);
    CHECK(manifest.xdp_mode == XdpMode::generic);
    CHECK(manifest.xdp_fallback_generic);
    CHECK(manifest.may_drop());
    REQUIRE(manifest.parameters.size() == 3);
    CHECK(manifest.parameters[0].help == "Packets a second.");
    CHECK(manifest.parameters[0].preset == "10k");
    CHECK(manifest.parameters[0].min == "1");
    CHECK(manifest.parameters[0].max == "0xffffffff");
    CHECK(manifest.parameters[1].preset == "true");
    CHECK_FALSE(manifest.parameters[1].min.has_value());
    REQUIRE(manifest.paths.size() == 2);
    CHECK(manifest.paths[0].direction == Direction::ingress);
    CHECK(manifest.paths[0].program == "on_ingress");
    CHECK(manifest.paths[0].xdp_program == "on_xdp");
    CHECK(manifest.paths[1].program == "on_egress");

    const MetricConfig& flows = manifest.paths[0].metrics.at(0);
    CHECK(flows.map_name == "FLOWS");
    CHECK(flows.swap_on_read);
    CHECK(flows.empty_on_read);
    CHECK(flows.merge == Merge::sum);
    CHECK(flows.merge_fields == std::map<std::string, Merge>{{"value.first", Merge::min},
                                                             {"value.last", Merge::max},
                                                             {"value.flags", Merge::bit_or},
                                                             {"value.tos", Merge::last},
                                                             {"value.server", Merge::first},
                                                             {"value.list[].x", Merge::sum}});
    CHECK(flows.formats ==
          std::map<std::string, std::string>{{"key.saddr", "ipv4"},
                                             {"key.list[]", "mac"},
                                             {"value.name", "text"},
                                             {"value.state", "enum:tcp_state"},
                                             {"value.options", "flags:tcp_option"}});
    REQUIRE(flows.open_metrics.has_value());
    CHECK(flows.open_metrics->type == MetricType::counter);
    CHECK(flows.open_metrics->max_series == 512);
    REQUIRE(flows.open_metrics->labels.size() == 3);
    CHECK(flows.open_metrics->labels[0].field == "key.proto");
    CHECK(flows.open_metrics->labels[2].value.empty());
    REQUIRE(flows.open_metrics->series.size() == 3);
    CHECK(flows.open_metrics->series[0].name == "flow_bytes");
    CHECK(flows.open_metrics->series[0].unit == "bytes");
    CHECK(flows.open_metrics->series[2].type == MetricType::gauge);
    CHECK(manifest.paths[0].metrics.at(1).merge == Merge::none);
    CHECK(manifest.paths[0].metrics.at(1).open_metrics->max_series ==
          dynmon::OpenMetrics::preset_series);
}

TEST_CASE("places are those of the values, counted in characters") {
    const Manifest manifest = good("name: flows\n"
                                   "parameters:\n"
                                   "  - {help: größe, name: a, default: 1, min: 0, max: 2}\n"
                                   "egress-path:\n"
                                   "  program: out\n"
                                   "  metric-configs:\n"
                                   "    - name: a\n"
                                   "      map-name: MAP\n"
                                   "      merge: max\n"
                                   "      formats: {key.x: ipv4}\n");
    const auto is_at = [](Position at, int line, int column) {
        CHECK(at.line == line);
        CHECK(at.column == column);
    };
    is_at(manifest.parameters.at(0).at, 3, 5);
    is_at(manifest.parameters.at(0).preset_at, 3, 37);
    is_at(manifest.parameters.at(0).max_at, 3, 53);
    is_at(manifest.paths.at(0).program_at, 5, 12);
    const MetricConfig& metric = manifest.paths.at(0).metrics.at(0);
    is_at(metric.at, 7, 7);
    is_at(metric.map_at, 8, 17);
    is_at(metric.merge_at, 9, 14);
    is_at(metric.formats_at.at("key.x"), 10, 17);
}

TEST_CASE("a typo is answered with the nearest name, a stranger with those that are known") {
    CHECK(hint_of("name: a\negress-path: {}\nhok: tc\n") == "did you mean 'hook'?");
    CHECK(hint_of("name: a\negress-path: {}\nxdp: {mode: nativ}\n") == "did you mean 'native'?");
    CHECK(hint_of("name: a\negress-path: {}\nxdp: {zzzzzzzz: 1}\n") ==
          "known keys: mode and fallback");
    CHECK(hint_of("name: 12\negress-path: {}\n") == "put it in quotes: \"12\"");
}

TEST_CASE("all faults are found at once, in the order of the text") {
    const ParsedManifest parsed = parse_manifest("hook: bad\n"
                                                 "egress-path:\n"
                                                 "  metric-configs:\n"
                                                 "    - {map-name: X, merge: avg}\n"
                                                 "  program: 1\n");
    std::vector<int> lines;
    for (const Diagnostic& diagnostic : parsed.diagnostics)
        lines.push_back(diagnostic.at.line);
    CHECK(lines == std::vector<int>{1, 1, 4, 4, 5});
}

TEST_CASE("the first fault is thrown with file, place and the number of the others") {
    try {
        require_manifest("hok: tc\negress-path: {}\n", "probes/x/probe.yaml");
        FAIL("taken");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        CHECK(std::string(error.what()) ==
              "probes/x/probe.yaml:1:1: unknown key 'hok' in the manifest (and 1 more)");
        CHECK(error.hint() == "did you mean 'hook'?");
    }
    CHECK(require_manifest("name: x\negress-path: {}\n", "x.yaml").name == "x");
}

TEST_CASE("enums have the names that manifests use") {
    CHECK(std::string(to_string(Merge::bit_or)) == "or");
    CHECK(std::string(to_string(Merge::none)) == "none");
    CHECK(std::string(to_string(MetricType::untyped)) == "untyped");
    CHECK(std::string(to_string(XdpMode::offload)) == "offload");
    CHECK(std::string(to_string(HookKind::xdp)) == "xdp");
    CHECK(std::string(to_string(Direction::egress)) == "egress");
}
