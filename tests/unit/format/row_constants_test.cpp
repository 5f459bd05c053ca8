// SPDX-License-Identifier: BSD-2-Clause
#include "format/metrics.hpp"
#include "format/rows.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

using Added = std::vector<std::pair<std::string, std::string>>;

std::string fault_of(const Added& added) {
    return fault([&] { require_added(added); });
}

} // namespace

TEST_CASE("a name that is added is a name, is there once, and is no column that rows have anyway") {
    CHECK(fault_of({{"site", "a"}, {"rack-1", ""}}).empty());
    CHECK(fault_of({{"a.b", "x"}}).starts_with("--add 'a.b' is not a valid name"));
    CHECK(fault_of({{"", "x"}}).starts_with("--add '' is not a valid name"));
    CHECK(fault_of({{"a", "1"}, {"b", "2"}, {"a", "3"}}) ==
          "--add: 'a' is there twice (give each name one value)");
    for (const char* name : {"host", "monitor", "device", "namespace", "metric", "direction",
                             "sequence", "from", "to", "key", "cpu", "value", "attached", "health"})
        CHECK(fault_of({{name, "x"}}) == std::string("--add: '") + name +
                                             "' is the name of a column already (choose another "
                                             "name, such as 'my_" +
                                             name + "')");
}

TEST_CASE("nor is it the name of a field of the metric") {
    const Metrics m;
    const MetricView flows = m.flows(BPF_MAP_TYPE_HASH);
    Sink sink(-1);
    for (const Format format : {Format::csv, Format::jsonl}) {
        const auto of = [&](const char* name) {
            return fault([&] {
                make_exporter({.format = format, .added = {{name, "x"}}}, sink)->prepare({&flows});
            });
        };
        CHECK(of("saddr") == "--add: 'saddr' is the name of field 'key.saddr' of metric 'flows' "
                             "already (choose another name, such as 'my_saddr')");
        CHECK(of("bytes").starts_with("--add: 'bytes' is the name of field 'value.bytes' of"));
        CHECK(of("site").empty());
        CHECK(of("byte").empty());
    }
}

TEST_CASE("JSON has what was added once a document") {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_HASH), {batch(flow_keys, flow_values)}};
    const std::string text = render_json({.added = {{"site", "a"}, {"rack", "\"1"}}}, {part});
    CHECK(text.find("Z\"},\"added\":{\"site\":\"a\",\"rack\":\"\\\"1\"},\"ingress-metrics\"") !=
          std::string::npos);
    CHECK(render_json({}, {part}).find("added") == std::string::npos);
}
