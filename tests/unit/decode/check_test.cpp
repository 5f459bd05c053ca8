// SPDX-License-Identifier: BSD-2-Clause
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "decode/check.hpp"
#include "object/probe.hpp"
#include "object/test_objects.hpp"

using namespace dynmon;

namespace {

const Object& sample() {
    static const Object object = test::parse_object("sample");
    return object;
}

// "LINE:COLUMN message" of every finding.
std::vector<std::string> findings(const std::string& text, const Object& object = sample()) {
    const ParsedManifest parsed = parse_manifest(text);
    CHECK_MESSAGE(parsed.diagnostics.empty(), text);
    std::vector<std::string> list;
    for (const Diagnostic& found : check_probe(parsed.manifest, object))
        list.push_back(std::to_string(found.at.line) + ":" + std::to_string(found.at.column) + " " +
                       found.message);
    return list;
}

// The findings of a manifest with one metric, whose keys start in line 5 and column 7.
std::vector<std::string> metric(const std::string& keys) {
    return findings("name: x\negress-path:\n  metric-configs:\n    - name: m\n" + keys);
}

std::string hint_of(const std::string& text) {
    const auto found = check_probe(parse_manifest(text).manifest, sample());
    return found.empty() ? "" : found.front().hint;
}

using Strings = std::vector<std::string>;

} // namespace

TEST_CASE("a manifest that fits its object has no findings") {
    CHECK(
        findings("name: x\n"
                 "verdict: drop\n"
                 "parameters:\n"
                 "  - {name: p_u8, default: 3, min: 1, max: 0xff}\n"
                 "  - {name: p_color, default: GREEN}\n"
                 "ingress-path:\n"
                 "  program: on_ingress\n"
                 "  xdp-program: on_xdp\n"
                 "  metric-configs:\n"
                 "    - name: flows\n"
                 "      map-name: FLOWS\n"
                 "      extraction-options: {swap-on-read: true, empty-on-read: true}\n"
                 "      merge: sum\n"
                 "      merge-fields: {value.first: min, value.flags: or, value.histogram: max, "
                 "value.name: first}\n"
                 "      formats: {key.ip: ipv4, key.port: port, value.mac: mac, key.proto: proto}\n"
                 "      open-metrics-metadata:\n"
                 "        help: Flows.\n"
                 "        type: counter\n"
                 "        labels: [{name: ip, field: key.ip}, {name: a, value: b}]\n"
                 "        series:\n"
                 "          - {name: flow_bytes, field: value.bytes, unit: bytes}\n"
                 "          - {name: flow_small, field: \"value.histogram[0]\"}\n"
                 "          - {name: flow_low, field: value.low}\n"
                 "    - name: counted\n"
                 "      map-name: COUNTER\n"
                 "      open-metrics-metadata: {help: x, type: counter}\n"
                 "    - {name: events, map-name: EVENTS, formats: {value.mac: mac}}\n"
                 "    - {name: untyped, map-name: UNTYPED}\n"
                 "egress-path: {}\n") == Strings{});
    CHECK(check_probe(derive_manifest(sample(), "sample"), sample()).empty());
}

TEST_CASE("programs must exist and have the type of their hook") {
    CHECK(findings("name: x\ningress-path:\n  program: on_xdp\n  xdp-program: on_tc\n") ==
          Strings{"3:12 program 'on_xdp' (section 'xdp') is no TC program",
                  "4:16 no program 'on_tc' in sample.bpf.o"});
    CHECK(hint_of("name: x\ningress-path: {program: on_ingres}\n") == "did you mean 'on_ingress'?");
}

TEST_CASE("a program that is not named is only looked for where load would run it") {
    const Object two = test::parse_object("two_xdp");
    CHECK(findings("name: x\nhook: xdp\ningress-path: {}\n", two) ==
          Strings{"3:15 ingress: two_xdp.bpf.o has more than one XDP program: 'first', 'second'"});
    CHECK(findings("name: x\nhook: xdp\ningress-path: {xdp-program: first}\n", two) == Strings{});
    CHECK(findings("name: x\ningress-path: {}\n", two) ==
          Strings{"2:15 ingress: no TC program in two_xdp.bpf.o"});
}

TEST_CASE("no two maps may want the same pin") {
    const Object object = test::parse_object("same_pins");
    CHECK(findings("name: x\ningress-path: {program: on_ingress}\n", object) ==
          Strings{"0:0 maps '_bss' and '.bss' of " + object.path() +
                  " would be pinned under one name"});
}

TEST_CASE("maps must exist and have entries to read") {
    CHECK(metric("      map-name: FLOW\n") == Strings{"5:17 no map 'FLOW' in sample.bpf.o"});
    CHECK(hint_of("name: x\negress-path: {metric-configs: [{name: m, map-name: FLOW}]}\n") ==
          "did you mean 'FLOWS'?");
    CHECK(metric("      map-name: RING\n") ==
          Strings{"5:17 map 'RING' is of type ringbuf, which has no entries to read"});
    CHECK(metric("      map-name: dynmon_chain\n") ==
          Strings{"5:17 map 'dynmon_chain' is of type prog_array, which has no entries to read"});
}

TEST_CASE("a map that user space may not write cannot be swapped or emptied") {
    CHECK(metric("      map-name: READ_ONLY\n") == Strings{});
    CHECK(metric("      map-name: READ_ONLY\n"
                 "      extraction-options:\n"
                 "        swap-on-read: true\n"
                 "        empty-on-read: true\n") ==
          Strings{"7:23 map 'READ_ONLY' cannot be swapped: user space may only read it "
                  "(BPF_F_RDONLY)",
                  "8:24 map 'READ_ONLY' cannot be emptied: user space may only read it "
                  "(BPF_F_RDONLY)"});
}

TEST_CASE("labels come from single fields of a key") {
    const auto label = [](const char* map, const char* field) {
        return metric(std::string("      map-name: ") + map +
                      "\n      open-metrics-metadata:\n        help: x\n        type: counter\n"
                      "        labels: [{name: a, field: " +
                      field + "}]\n        series: [{name: b, field: value.packets}]\n");
    };
    CHECK(label("FLOWS", "key.proto") == Strings{});
    CHECK(label("FLOWS", "key.prto") == Strings{"9:35 no field 'key.prto' in map 'FLOWS'"});
    CHECK(label("FLOWS", "key") ==
          Strings{"9:35 field 'key' has no single value that a label could show"});
    CHECK(label("FLOWS", "\"key.ip[0]\"") == Strings{"9:35 no field 'key.ip[0]' in map 'FLOWS'"});
    CHECK(label("EVENTS", "key.proto") == Strings{"9:35 label 'a': map 'EVENTS' has no keys"});
}

TEST_CASE("series are numbers of the value") {
    const auto series = [](const char* map, const std::string& list) {
        return metric(std::string("      map-name: ") + map +
                      "\n      open-metrics-metadata:\n        help: x\n        type: counter\n" +
                      list);
    };
    const auto field = [&](const std::string& path) {
        return series("FLOWS", "        series: [{name: b, field: " + path + "}]\n");
    };
    CHECK(field("value.packets") == Strings{});
    CHECK(field("\"value.histogram[3]\"") == Strings{});
    CHECK(field("value.color") == Strings{});
    CHECK(field("\"value.histogram[4]\"") ==
          Strings{"9:35 no field 'value.histogram[4]' in map 'FLOWS'"});
    CHECK(field("value.histogram") ==
          Strings{"9:35 'value.histogram' of map 'FLOWS' is no number"});
    CHECK(field("value.name") == Strings{"9:35 'value.name' of map 'FLOWS' is no number"});
    CHECK(field("value.mac") == Strings{"9:35 'value.mac' of map 'FLOWS' is no number"});
    CHECK(series("COUNTER", "") == Strings{});
    CHECK(series("FLOWS", "") == Strings{"7:9 'value' of map 'FLOWS' is no number"});
    CHECK(series("UNTYPED", "") == Strings{"7:9 'value' of map 'UNTYPED' is no number"});
}

TEST_CASE("formats name fields that exist and have room for them") {
    const auto format = [](const char* map, const std::string& entry) {
        return metric(std::string("      map-name: ") + map + "\n      formats: {" + entry + "}\n");
    };
    CHECK(format("FLOWS", "key.ip: ipv4") == Strings{});
    CHECK(format("FLOWS", "key.ip: ipv9") ==
          Strings{"6:17 format of 'key.ip': unknown format 'ipv9'"});
    CHECK(format("FLOWS", "key.proto: \"enum:color\", value.flags: \"flags:flavour\"") ==
          Strings{});
    CHECK(format("FLOWS", "key.proto: \"enum:colour\"") ==
          Strings{"6:17 format of 'key.proto': no enum 'colour' in the BTF of the object"});
    CHECK(hint_of("name: x\negress-path:\n  metric-configs:\n    - name: m\n"
                  "      map-name: FLOWS\n      formats: {key.proto: \"enum:colour\"}\n") ==
          "did you mean 'enum:color'?");
    CHECK(format("FLOWS", "key.ipp: ipv4") == Strings{"6:17 format of 'key.ipp': no such field"});
    CHECK(format("FLOWS", "key.port: ipv6")
              .at(0)
              .starts_with("6:17 format of 'key.port': "
                           "'ipv6' needs a field of 16 bytes"));
    CHECK(format("FLOWS", "key.ipp: ipv4, value.x: mac").size() == 2);
    CHECK(format("EVENTS", "key.ip: ipv4") ==
          Strings{"6:17 format of 'key.ip': map 'EVENTS' has no keys"});
    CHECK(format("UNTYPED", "value: hex") ==
          Strings{"6:17 format of 'value': map 'UNTYPED' has no BTF types"});
}

TEST_CASE("bytes of a value that is merged need a rule") {
    const auto merge = [](const std::string& keys) {
        return metric("      map-name: FLOWS\n      formats: {value.mac: mac}\n" + keys);
    };
    CHECK(merge("      merge: sum\n") ==
          Strings{"7:14 merge 'sum' does not fit 'value.name': bytes are neither added up nor "
                  "compared"});
    CHECK(merge("      merge: sum\n      merge-fields: {value.name: last}\n") == Strings{});
    CHECK(merge("      merge-fields: {value.first: min}\n").size() == 1);
    for (const char* fits : {"", "      merge: first\n", "      merge: none\n"})
        CHECK(merge(fits) == Strings{});
}

TEST_CASE("only what is kept for each CPU can be merged") {
    CHECK(metric("      map-name: COUNTER\n      merge: max\n") ==
          Strings{"6:14 map 'COUNTER' is not per CPU: there is nothing to merge"});
    CHECK(metric("      map-name: COUNTER\n      merge-fields: {value: max}\n") ==
          Strings{"6:22 map 'COUNTER' is not per CPU: there is nothing to merge"});
    CHECK(metric("      map-name: FLOWS\n      merge-fields: {value.fist: min}\n") ==
          Strings{"6:22 merge of 'value.fist': no such field"});
    CHECK(metric("      map-name: FLOWS\n      merge-fields: {value.name: sum, value.mac: last}\n")
              .size() == 1);
    CHECK(metric("      map-name: FLOWS\n      merge-fields: {value.first: leads, value.mac: "
                 "follows, value.name: follows}\n") == Strings{});
    CHECK(metric("      map-name: FLOWS\n      merge-fields: {value.mac: follows}\n") ==
          Strings{"6:22 merge of 'value.mac': no field leads"});
    CHECK(metric("      map-name: FLOWS\n      merge-fields: {value.first: leads, value.flags: "
                 "leads}\n") ==
          Strings{"6:42 merge of 'value.flags': another field leads already"});
}

TEST_CASE("parameters exist, are scalars, and their numbers agree with each other") {
    const auto parameter = [](const std::string& entry) {
        return findings("name: x\negress-path: {}\nparameters:\n  - {" + entry + "}\n");
    };
    CHECK(parameter("name: p_u8, default: 1, min: 0, max: 255") == Strings{});
    CHECK(parameter("name: p_u9") == Strings{"4:5 no parameter 'p_u9' in sample.bpf.o"});
    CHECK(parameter("name: plain_const") ==
          Strings{"4:5 no parameter 'plain_const' in sample.bpf.o"});
    CHECK(parameter("name: p_array") == Strings{"4:5 'p_array' is no integer, bool, char or enum"});
    CHECK(parameter("name: p_u8, default: 256") ==
          Strings{"4:27 parameter 'p_u8': '256' is not a number from 0 to 255 (__u8)"});
    CHECK(parameter("name: p_u8, min: -1, max: 1.5").size() == 2);
    CHECK(parameter("name: p_u8, min: 5, max: 4") ==
          Strings{"4:31 parameter 'p_u8': the maximum is below the minimum"});
    CHECK(parameter("name: p_u8, default: 1, min: 5") ==
          Strings{"4:27 parameter 'p_u8': the default is below the minimum"});
    CHECK(parameter("name: p_u8, default: 9, max: 8") ==
          Strings{"4:27 parameter 'p_u8': the default is above the maximum"});
}
