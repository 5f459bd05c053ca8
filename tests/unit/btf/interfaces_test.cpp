// SPDX-License-Identifier: BSD-2-Clause
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("interfaces are called by the names that the reader gives, escaped for JSON") {
    Types t;
    const int index = t.alias("dynmon_ifindex_t", t.u32);
    const int type = t.group("s", 16, {{"in", index, 0}, {"out", t.array(index, 3), 32}});
    Layout layout = t.layout(type, 16);
    CHECK(has_interfaces(layout));
    CHECK(!has_interfaces(t.layout(t.u32, 4)));
    const std::vector<std::byte> value = bytes({2, 0, 0, 0, 5, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0, 0});
    CHECK(json(layout, value) == R"({"in":2,"out":[5,7,9]})");

    auto names = std::make_shared<EnumSet>();
    names->values = {{2, "eth0"}, {5, "a\"b,c"}, {7, "\xff"}};
    name_interfaces(layout, names);
    CHECK(json(layout, value) == "{\"in\":\"eth0\",\"out\":[\"a\\\"b,c\",\"\xef\xbf\xbd\",9]}");
    for (const Style style : {Style::raw, Style::dynmon})
        CHECK(json(layout, value, style) == R"({"in":2,"out":[5,7,9]})");

    const ColumnPlan columns(layout, "value", Style::decoded);
    std::string cell;
    columns.append(1, value.data(), cell);
    CHECK(cell == "a\"b,c");
    CHECK(!columns.plain(1)); // CSV has to look for what must be quoted
    CHECK(!columns.numeric(0));
    names->numbered = true; // they may be those of another namespace
    CHECK(json(layout, value) ==
          "{\"in\":\"2 (eth0)\",\"out\":[\"5 (a\\\"b,c)\",\"7 (\xef\xbf\xbd)\",9]}");
    name_interfaces(layout, nullptr);
    CHECK(json(layout, value) == R"({"in":2,"out":[5,7,9]})");
}
