// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "base/error.hpp"
#include "object/probe.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

std::string selected(const Manifest& manifest, const Object& object, Direction direction,
                     HookKind kind) {
    return select_program(manifest, object, direction, kind).name;
}

std::string fault(const Manifest& manifest, const Object& object, Direction direction,
                  HookKind kind) {
    try {
        select_program(manifest, object, direction, kind);
        return "";
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
        return error.what();
    }
}

} // namespace

TEST_CASE("a bare object gets a path for each direction and a metric for each readable map") {
    const Object object = test::parse_object("sample");
    const Manifest manifest = derive_manifest(object, "sample");
    CHECK(manifest.name == "sample");
    CHECK(manifest.object == "sample.bpf.o");
    CHECK(manifest.hook == HookKind::tc);
    REQUIRE(manifest.paths.size() == 2);
    CHECK(manifest.paths[0].program == "on_ingress");
    CHECK(manifest.paths[0].xdp_program == "on_xdp");
    CHECK(manifest.paths[1].direction == Direction::egress);
    CHECK(manifest.paths[1].program == "on_egress");
    for (const PathConfig& path : manifest.paths) {
        std::vector<std::string> names;
        for (const MetricConfig& metric : path.metrics) {
            CHECK(metric.name == metric.map_name);
            CHECK_FALSE(metric.swap_on_read);
            CHECK_FALSE(metric.empty_on_read);
            names.push_back(metric.name);
        }
        CHECK(names == std::vector<std::string>{"FLOWS", "COUNTER", "RECENT", "EVENTS", "UNTYPED",
                                                "READ_ONLY"});
    }
    CHECK(parse_manifest(manifest_to_json(manifest)).diagnostics.empty());
}

TEST_CASE("an object with XDP programs only hooks in at XDP") {
    const Manifest manifest = derive_manifest(test::parse_object("two_xdp"), "two");
    CHECK(manifest.hook == HookKind::xdp);
    REQUIRE(manifest.paths.size() == 1);
    CHECK(manifest.paths[0].xdp_program.empty());
}

TEST_CASE("an object without a program for a network device is no probe") {
    CHECK_THROWS_WITH_AS(derive_manifest(test::parse_object("kprobe"), "x"),
                         "kprobe.bpf.o has no XDP and no TC program", Error);
}

TEST_CASE("the program that runs is the one that is named") {
    const Object object = test::parse_object("sample");
    const Manifest manifest = parse_manifest("name: x\n"
                                             "ingress-path: {program: on_egress}\n"
                                             "egress-path: {program: on_ingress}\n")
                                  .manifest;
    CHECK(selected(manifest, object, Direction::ingress, HookKind::tc) == "on_egress");
    CHECK(selected(manifest, object, Direction::egress, HookKind::tc) == "on_ingress");
    CHECK(selected(manifest, object, Direction::egress, HookKind::xdp) == "on_ingress");
    CHECK(selected(manifest, object, Direction::ingress, HookKind::xdp) == "on_xdp");
}

TEST_CASE("without a name the only program that fits runs") {
    const Object object = test::parse_object("sample");
    const Manifest manifest =
        parse_manifest("name: x\ningress-path: {}\negress-path: {}\n").manifest;
    CHECK(selected(manifest, object, Direction::ingress, HookKind::tc) == "on_ingress");
    CHECK(selected(manifest, object, Direction::ingress, HookKind::xdp) == "on_xdp");
    CHECK(selected(manifest, object, Direction::egress, HookKind::tc) == "on_egress");
}

TEST_CASE("the error names what cannot be chosen or does not fit") {
    const Object sample = test::parse_object("sample");
    const Object two = test::parse_object("two_xdp");
    const auto parse = [](const char* text) { return parse_manifest(text).manifest; };
    CHECK(fault(parse("name: x\ningress-path: {}\n"), two, Direction::ingress, HookKind::xdp) ==
          "ingress: two_xdp.bpf.o has more than one XDP program: 'first', 'second'");
    CHECK(fault(parse("name: x\ningress-path: {}\n"), two, Direction::ingress, HookKind::tc) ==
          "ingress: no TC program in two_xdp.bpf.o");
    CHECK(fault(parse("name: x\ningress-path: {}\n"), sample, Direction::egress, HookKind::tc) ==
          "probe 'x' has no egress-path");
    CHECK(fault(parse("name: x\ningress-path: {program: on_xdp}\n"), sample, Direction::ingress,
                HookKind::tc) == "program 'on_xdp' (section 'xdp') is no TC program");
    CHECK(fault(parse("name: x\ningress-path: {xdp-program: on_ingress}\n"), sample,
                Direction::ingress,
                HookKind::xdp) == "program 'on_ingress' (section 'tc') is no XDP program");
    CHECK(fault(parse("name: x\ningress-path: {program: on_ingres}\n"), sample, Direction::ingress,
                HookKind::tc) == "no program 'on_ingres' in sample.bpf.o");
}
