// SPDX-License-Identifier: BSD-2-Clause
#include "decode/types.hpp"
#include "filter/projection.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

struct Entry {
    Types t;
    Layout key;
    Layout value;

    Entry() {
        const int pair = t.group("pair", 2, {{"x", t.u8, 0}, {"y", t.u8, 8}});
        const int nameless = t.group(nullptr, 2, {{"in", t.u8, 0}, {"out", t.u8, 8}});
        key = t.layout(t.group("k", 2, {{"a", t.u8, 0}, {"b", t.u8, 8}}), 2, {}, "key");
        value = t.layout(t.group("v", 12,
                                 {{"n", t.u8, 0},
                                  {"s", pair, 8},
                                  {nullptr, nameless, 24},
                                  {"list", t.array(pair, 2), 40},
                                  {"ports", t.array(t.s8, 3), 72}}),
                         12);
    }

    // JSON of key and value behind each other.
    std::string shown(const std::vector<std::string>& columns) const {
        const auto k = bytes({1, 2});
        const auto v = bytes({10, 11, 12, 13, 14, 15, 16, 17, 18, 21, 22, 23});
        const Projection projection = project({&key, &value}, columns);
        CHECK(projection.value.size == value.size);
        return (projection.key ? json(*projection.key, k) : "-") + " " + json(projection.value, v);
    }
};

} // namespace

TEST_CASE("the fields that are asked for, in the order asked for") {
    const Entry entry;
    CHECK(entry.shown({"b", "n"}) == R"({"b":2} {"n":10})");
    CHECK(entry.shown({"n", "key.b", "key.a"}) == R"({"b":2,"a":1} {"n":10})");
    CHECK(entry.shown({"s"}) == R"(- {"s":{"x":11,"y":12}})");
    CHECK(entry.shown({"s.y", "n", "s.x"}) == R"(- {"s":{"y":12,"x":11},"n":10})");
    CHECK(entry.shown({"n", "n"}) == R"(- {"n":10})");
    CHECK(entry.shown({"s.x", "s"}) == R"(- {"s":{"x":11,"y":12}})");
}

TEST_CASE("no column of the value leaves it without fields") {
    CHECK(Entry().shown({"a"}) == R"({"a":1} {})");
    CHECK(Entry().shown({"key", "value.n"}) == R"({"a":1,"b":2} {"n":10})");
}

TEST_CASE("members of anonymous structs are those of the struct around them") {
    CHECK(Entry().shown({"out", "n"}) == R"(- {"out":14,"n":10})");
}

TEST_CASE("arrays: fields of all elements, and single elements as fields of their own") {
    const Entry entry;
    CHECK(entry.shown({"list.y"}) == R"(- {"list":[{"y":16},{"y":18}]})");
    CHECK(entry.shown({"list[].y", "list[].x"}) ==
          R"(- {"list":[{"y":16,"x":15},{"y":18,"x":17}]})");
    CHECK(entry.shown({"list[1].y", "ports[2]"}) == R"(- {"list[1]":{"y":18},"ports[2]":23})");
    CHECK(entry.shown({"ports"}) == R"(- {"ports":[21,22,23]})");
}

TEST_CASE("elements of a value that is an array itself keep their names in columns") {
    Types t;
    const Layout value = t.layout(t.array(t.u16, 4), 8);
    const Projection projection = project({nullptr, &value}, {"value[3]", "value[0]"});
    const ColumnPlan plan(projection.value, "value", Style::decoded);
    CHECK(plan.names() == std::vector<std::string>{"value[3]", "value[0]"});
    const auto v = bytes({1, 0, 2, 0, 3, 0, 4, 0});
    std::string cells;
    plan.append(0, v.data(), cells);
    plan.append(1, v.data(), cells);
    CHECK(cells == "41");
}

TEST_CASE("a column that is not there is refused with its nearest") {
    const Entry entry;
    CHECK(fault([&] { entry.shown({"n", "list.z"}); }).starts_with("no field 'list.z'"));
    CHECK(fault([&] { entry.shown({"prts"}); }) == "no field 'prts' (did you mean 'ports'?)");
    CHECK(fault([&] { entry.shown({""}); }).starts_with("no field ''"));
}
