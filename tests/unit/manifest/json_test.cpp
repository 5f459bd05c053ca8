// SPDX-License-Identifier: BSD-2-Clause
#include <string>

#include <doctest/doctest.h>

#include "manifest/manifest.hpp"
#include "manifest/samples.hpp"

using namespace dynmon;

namespace {

void check_same(const Label& a, const Label& b) {
    CHECK(a.name == b.name);
    CHECK(a.value == b.value);
    CHECK(a.field == b.field);
}

void check_same(const std::optional<Buckets>& a, const std::optional<Buckets>& b) {
    REQUIRE(a.has_value() == b.has_value());
    if (!a)
        return;
    CHECK(a->scale == b->scale);
    CHECK(a->key == b->key);
    CHECK(a->count == b->count);
    CHECK(a->min == b->min);
    CHECK(a->width == b->width);
    CHECK(a->multiplier == b->multiplier);
    CHECK(a->sum == b->sum);
}

void check_same(const Series& a, const Series& b) {
    CHECK(a.name == b.name);
    CHECK(a.field == b.field);
    CHECK(a.type == b.type);
    CHECK(a.unit == b.unit);
    CHECK(a.help == b.help);
    check_same(a.buckets, b.buckets);
}

void check_same(const MetricConfig& a, const MetricConfig& b);
void check_same(const PathConfig& a, const PathConfig& b);
void check_same(const Parameter& a, const Parameter& b);

template <typename Item>
void check_same(const std::vector<Item>& a, const std::vector<Item>& b) {
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i)
        check_same(a[i], b[i]);
}

void check_same(const MetricConfig& a, const MetricConfig& b) {
    CHECK(a.name == b.name);
    CHECK(a.map_name == b.map_name);
    CHECK(a.help == b.help);
    CHECK(a.swap_on_read == b.swap_on_read);
    CHECK(a.empty_on_read == b.empty_on_read);
    CHECK(a.merge == b.merge);
    CHECK(a.merge_fields == b.merge_fields);
    CHECK(a.formats == b.formats);
    REQUIRE(a.open_metrics.has_value() == b.open_metrics.has_value());
    if (!a.open_metrics)
        return;
    CHECK(a.open_metrics->help == b.open_metrics->help);
    CHECK(a.open_metrics->type == b.open_metrics->type);
    CHECK(a.open_metrics->max_series == b.open_metrics->max_series);
    check_same(a.open_metrics->labels, b.open_metrics->labels);
    check_same(a.open_metrics->series, b.open_metrics->series);
    check_same(a.open_metrics->buckets, b.open_metrics->buckets);
}

void check_same(const PathConfig& a, const PathConfig& b) {
    CHECK(a.direction == b.direction);
    CHECK(a.name == b.name);
    CHECK(a.program == b.program);
    CHECK(a.xdp_program == b.xdp_program);
    check_same(a.metrics, b.metrics);
}

void check_same(const Parameter& a, const Parameter& b) {
    CHECK(a.name == b.name);
    CHECK(a.help == b.help);
    CHECK(a.preset == b.preset);
    CHECK(a.min == b.min);
    CHECK(a.max == b.max);
}

void check_same(const Manifest& a, const Manifest& b) {
    CHECK(a.name == b.name);
    CHECK(a.description == b.description);
    CHECK(a.object == b.object);
    CHECK(a.hook == b.hook);
    CHECK(a.xdp_mode == b.xdp_mode);
    CHECK(a.xdp_fallback_generic == b.xdp_fallback_generic);
    CHECK(a.may == b.may);
    check_same(a.parameters, b.parameters);
    check_same(a.paths, b.paths);
}

} // namespace

TEST_CASE("a manifest written as JSON is read back as the same manifest") {
    for (const test::Sample& sample : test::samples("good")) {
        CAPTURE(sample.name);
        const Manifest manifest = parse_manifest(sample.text).manifest;
        const std::string json = manifest_to_json(manifest);
        CHECK(json.find('\n') == std::string::npos);
        const ParsedManifest again = parse_manifest(json);
        CHECK(again.diagnostics.empty());
        check_same(manifest, again.manifest);
        CHECK(manifest_to_json(again.manifest) == json);
    }
}

TEST_CASE("in which order maps are written makes no difference") {
    const auto json = [](const std::string& maps) {
        return manifest_to_json(
            parse_manifest("name: x\negress-path: {}\nmaps: {" + maps + "}\n").manifest);
    };
    CHECK(json("B: {max-entries: 5}, A: {type: t}") == json("A: {type: t}, B: {max-entries: 5}"));
}

TEST_CASE("JSON leaves out what is as it would be anyway") {
    const Manifest manifest =
        parse_manifest("name: flows\nhook: tc\nverdict: pass\negress-path: {program: out}\n")
            .manifest;
    CHECK(manifest_to_json(manifest) ==
          R"({"name":"flows","object":"flows.bpf.o","egress-path":{"program":"out"}})");
}
