// SPDX-License-Identifier: BSD-2-Clause
#include "btf/layout.hpp"
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

// struct { u32 a; struct { u16 x; u16 y; }; struct item { u8 n; u8 m; } list[3]; u16 grid[2][2]; }
Layout sample(Types& t) {
    const int anonymous = t.group(nullptr, 4, {{"x", t.u16, 0}, {"y", t.u16, 16}});
    const int item = t.group("item", 2, {{"n", t.u8, 0}, {"m", t.u8, 8}});
    const int type = t.group("s", 24,
                             {{"a", t.u32, 0},
                              {nullptr, anonymous, 32},
                              {"list", t.array(item, 3), 64},
                              {"grid", t.array(t.array(t.u16, 2), 2), 112}});
    return t.layout(type, 24);
}

} // namespace

TEST_CASE("a path leads to its field, through anonymous structs and indices") {
    Types t;
    const Layout root = sample(t);
    const auto offset_of = [&](std::string_view path) -> int {
        const auto field = find_field(root, path);
        return field ? static_cast<int>(field->offset) : -1;
    };
    CHECK(offset_of("") == 0);
    CHECK(offset_of("a") == 0);
    CHECK(offset_of("y") == 6);
    CHECK(offset_of("list") == 8);
    CHECK(offset_of("list[2].m") == 13);
    CHECK(offset_of("grid[1]") == 18);
    CHECK(offset_of("grid[1][1]") == 20);
    for (const char* bad :
         {"b", "a.b", "list.m", "list[3]", "list[-1]", "list[]", "list[1", "list[1]m", ".a", "a.",
          "list[1]..m", "grid[0][2]", "[0]", "list[4294967296]"})
        CHECK_MESSAGE(offset_of(bad) == -1, bad);
}

TEST_CASE("a field found through an index has the offsets of that element") {
    Types t;
    const auto item = find_field(sample(t), "list[1]");
    REQUIRE(item);
    CHECK(item->fields[1].offset == 11);
}

TEST_CASE("leaf paths unfold structs and arrays") {
    Types t;
    CHECK(leaf_paths(sample(t)) == std::vector<std::string>{"a", "x", "y", "list[0].n", "list[0].m",
                                                            "list[1].n", "list[1].m", "list[2].n",
                                                            "list[2].m", "grid[0][0]", "grid[0][1]",
                                                            "grid[1][0]", "grid[1][1]"});
    CHECK(leaf_paths(t.layout(t.u32, 4)) == std::vector<std::string>{""});
    CHECK(leaf_paths(t.layout(t.array(t.u16, 2), 4)) == std::vector<std::string>{"[0]", "[1]"});
}

TEST_CASE("a value of too many fields for columns is refused, a long empty one is not walked") {
    Types t;
    const int wide = t.array(t.array(t.u32, 1024), 1024);
    CHECK(fault([&] { leaf_paths(t.layout(wide, 4u << 20)); }) ==
          "a value of more than 65536 fields does not fit into columns");
    const int hole = t.array(t.array(t.group("hole", 0, {}), 65536), 255);
    CHECK(leaf_paths(t.layout(hole, 0)).empty());
}

TEST_CASE("paths are put together and taken apart") {
    std::string_view rest;
    CHECK(split_root("key.a.b", "key", rest));
    CHECK(rest == "a.b");
    CHECK(split_root("key[0]", "key", rest));
    CHECK(rest == "[0]");
    CHECK(split_root("key", "key", rest));
    CHECK(rest.empty());
    CHECK(!split_root("keys.a", "key", rest));
    CHECK(!split_root("value.a", "key", rest));
    CHECK(join_path("key", "a") == "key.a");
    CHECK(join_path("key", "[1].a") == "key[1].a");
    CHECK(join_path("key", "") == "key");
    CHECK(without_brackets("a[].b[][]") == "a.b");
}
