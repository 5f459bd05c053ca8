// SPDX-License-Identifier: BSD-2-Clause
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("a struct becomes a tree of fields with names, offsets and sizes") {
    Types t;
    const int inner = t.group("inner", 8, {{"a", t.u32, 0}, {"b", t.s16, 32}});
    const int outer = t.group(
        "outer", 24, {{"x", t.u64, 0}, {"in", inner, 64}, {"list", t.array(t.u16, 3), 128}});
    const Layout layout = t.layout(outer, 24);
    REQUIRE(layout.fields.size() == 3);
    CHECK(layout.kind == Layout::Kind::structure);
    CHECK(layout.type_name == "outer");
    CHECK(layout.fields[1].name == "in");
    CHECK(layout.fields[1].offset == 8);
    CHECK(layout.fields[1].fields[1].offset == 12);
    CHECK(layout.fields[1].fields[1].is_signed);
    CHECK(layout.fields[2].count == 3);
    CHECK(layout.fields[2].stride == 2);
    CHECK(layout.fields[2].size == 6);
}

TEST_CASE("typedefs, qualifiers and type tags are looked through, the outermost name is kept") {
    Types t;
    int type = t.alias("__u32", t.u32);
    type = btf__add_const(t.edit(), type);
    type = btf__add_volatile(t.edit(), type);
    type = btf__add_restrict(t.edit(), type);
    type = btf__add_type_tag(t.edit(), "user", type);
    type = t.alias("counter_t", type);
    btf__add_decl_tag(t.edit(), "ignored", type, -1);
    const Layout layout = t.layout(type, 4);
    CHECK(layout.type_name == "counter_t");
    CHECK(layout.kind == Layout::Kind::integer);
    CHECK(json(layout, bytes({1, 1, 0, 0})) == "257");
}

TEST_CASE("the members of .data are the object's variables") {
    Types t;
    const int one = btf__add_var(t.edit(), "one", BTF_VAR_GLOBAL_ALLOCATED, t.u32);
    const int two = btf__add_var(t.edit(), "two", BTF_VAR_STATIC, t.u64);
    const int section = btf__add_datasec(t.edit(), ".data", 16);
    btf__add_datasec_var_info(t.edit(), one, 0, 4);
    btf__add_datasec_var_info(t.edit(), two, 8, 8);
    CHECK(json(t.layout(section, 16), bytes({7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0})) ==
          R"({"one":7,"two":9})");
}

TEST_CASE("a map without BTF has an integer where the size is one, and bytes otherwise") {
    CHECK(json(untyped_layout(4), bytes({1, 2, 0, 0})) == "513");
    CHECK(json(untyped_layout(8), bytes({1, 0, 0, 0, 0, 0, 0, 128})) == "9223372036854775809");
    CHECK(json(untyped_layout(3), bytes({1, 0xab, 0})) == R"("01ab00")");
    CHECK(json(untyped_layout(0), bytes({})) == "[]");
}

TEST_CASE("BTF that lies is refused with the path of the field") {
    Types t;
    const auto refused = [&](int type, std::uint32_t size) {
        return fault([&] { t.layout(type, size); });
    };
    SUBCASE("a size unlike the map's") {
        CHECK(refused(t.group("flow", 8, {{"a", t.u64, 0}}), 16) ==
              "value: type 'flow' has 8 bytes, the map holds 16");
    }
    SUBCASE("a member beyond the end") {
        const int inner = t.group("inner", 4, {{"a", t.u16, 0}, {"late", t.u32, 16}});
        CHECK(refused(t.group("outer", 8, {{"in", inner, 0}}), 8) ==
              "value.in.late: ends at byte 6, beyond the end of what contains it (4)");
        CHECK(refused(t.group("far", 8, {{"x", t.u8, 0xfffff8}}), 8) ==
              "value.x: starts at byte 2097151, beyond the end of what contains it (8)");
    }
    SUBCASE("2^32 - 1 elements") {
        CHECK(refused(t.group("s", 8, {{"x", t.array(t.u32, UINT32_MAX), 0}}), 8) ==
              "value.x: an array of 4294967295 elements; at most 65536 can be shown");
        const int nothing = t.group("nothing", 0, {});
        CHECK(refused(t.array(nothing, UINT32_MAX), 0) ==
              "value: an array of 4294967295 elements; at most 65536 can be shown");
    }
    SUBCASE("array dimensions that multiply beyond 32 bits") {
        int type = t.u32;
        for (int i = 0; i < 3; ++i)
            type = t.array(type, 65536);
        CHECK(refused(type, 0).find("value[]: an array of 17179869184 bytes") == 0);
    }
    SUBCASE("a struct within itself") {
        const int self = t.next_id();
        t.group("loop", 8, {{"next", self, 0}});
        CHECK(refused(self, 8) == "value.next: the type contains itself");
    }
    SUBCASE("a struct within itself through typedef and array") {
        const int self = t.next_id();
        t.group("loop", 8, {{"list", self + 2, 0}});
        t.alias("loop_t", self);
        t.array(self + 1, 1);
        CHECK(refused(self, 8).find("value.list[].list: the type contains itself") == 0);
    }
    SUBCASE("a typedef of itself") {
        const int self = t.next_id();
        t.alias("circle", self);
        CHECK(refused(self, 4) ==
              "value: type " + std::to_string(self) + " does not exist or is defined by itself");
    }
    SUBCASE("an array of itself") {
        const int self = t.next_id();
        t.array(self, 2);
        CHECK(refused(self, 4) == "value[]: the type contains itself");
    }
    SUBCASE("a type that does not exist") {
        CHECK(refused(t.group("s", 4, {{"x", 9999, 0}}), 4) ==
              "value.x: type 9999 does not exist or is defined by itself");
    }
    SUBCASE("types that are not stored") {
        CHECK(refused(t.group("s", 8, {{"f", btf__add_func_proto(t.edit(), 0), 0}}), 8) ==
              "value.f: a type of this kind cannot be stored (BTF kind 13)");
        CHECK(refused(0, 0) == "value: a type of this kind cannot be stored (BTF kind 0)");
    }
    SUBCASE("a bitfield wider than its type, of a struct, or across the end") {
        CHECK(refused(t.group("s", 4, {{"b", t.u8, 0, 9}}), 4) ==
              "value.b: a bitfield of 9 bits does not fit its type");
        const int inner = t.group("inner", 4, {{"a", t.u32, 0}});
        CHECK(refused(t.group("s", 4, {{"b", inner, 0, 9}}), 4) ==
              "value.b: a bitfield of 9 bits does not fit its type");
        CHECK(refused(t.group("s", 2, {{"b", t.u32, 8, 9}}), 2) ==
              "value.b: ends at byte 3, beyond the end of what contains it (2)");
    }
    SUBCASE("variables of a section beyond its end, and what is no variable") {
        const int late = btf__add_var(t.edit(), "late", BTF_VAR_STATIC, t.u64);
        const int section = btf__add_datasec(t.edit(), ".data", 8);
        btf__add_datasec_var_info(t.edit(), late, 4, 8);
        CHECK(refused(section, 8) ==
              "value.late: ends at byte 12, beyond the end of what contains it (8)");
        auto* info = btf_var_secinfos(
            const_cast<btf_type*>(btf__type_by_id(t.get(), static_cast<__u32>(section))));
        info->type = static_cast<__u32>(t.u32);
        CHECK(refused(section, 8) == "value: type " + std::to_string(t.u32) + " is no variable");
    }
    SUBCASE("an integer or an enum of a size that none has") {
        const int odd = t.integer("odd", 4);
        const_cast<btf_type*>(btf__type_by_id(t.get(), static_cast<__u32>(odd)))->size = 20;
        CHECK(refused(odd, 20) == "value: an integer of 32 bits in 20 bytes");
        const int choice = btf__add_enum(t.edit(), "choice", 4);
        const_cast<btf_type*>(btf__type_by_id(t.get(), static_cast<__u32>(choice)))->size = 3;
        CHECK(refused(t.group("s", 4, {{"c", choice, 0}}), 4) == "value.c: an enum of 3 bytes");
    }
    SUBCASE("an element that is longer than its array has room for") {
        const int item = t.group("item", 8, {{"n", t.u64, 0}});
        CHECK(refused(t.group("s", 12, {{"list", t.array(item, 2), 0}}), 12) ==
              "value.list: ends at byte 16, beyond the end of what contains it (12)");
    }
    SUBCASE("too deep") {
        int type = t.u8;
        for (int i = 0; i < 40; ++i)
            type = t.group("level", 1, {{"in", type, 0}});
        CHECK(refused(type, 1).find("nested deeper than 32 levels") != std::string::npos);
    }
    SUBCASE("few types that unfold to very many fields") {
        int type = t.u8;
        for (int i = 0; i < 30; ++i)
            type = t.one_of("twice", 1, {{"a", type, 0}, {"b", type, 0}});
        CHECK(refused(type, 1).find("the type has more than 65536 fields") != std::string::npos);
    }
}

TEST_CASE("a long array of bytes is no danger and no error") {
    Types t;
    const Layout layout = t.layout(t.array(t.u8, 1 << 20), 1 << 20);
    const std::vector<std::byte> value(1 << 20, std::byte{0xaa});
    const std::string text = json(layout, value);
    CHECK(text.size() == 2 * (1 << 20) + 2);
    CHECK(text.substr(0, 5) == "\"aaaa");
}

TEST_CASE("the width of a bitfield may stand in its type, as old compilers wrote it") {
    Types t;
    const int old = t.integer("unsigned int", 4);
    auto* type = const_cast<btf_type*>(btf__type_by_id(t.get(), static_cast<__u32>(old)));
    const __u32 bits = 5;
    memcpy(type + 1, &bits, sizeof bits);
    const Layout layout = t.layout(t.group("s", 4, {{"a", old, 0}, {"b", old, 40 - 32}}), 4);
    CHECK(layout.fields[0].bit_size == 5);
    CHECK(json(layout, bytes({0xff, 0x03, 0, 0})) == R"({"a":31,"b":3})");
    CHECK(t.layout(t.array(old, 2), 8).stride == 4);
}

TEST_CASE("a value that is an integer within its bytes is as large as the map's values") {
    Types t;
    const auto within = [&](std::size_t size, __u32 offset, __u32 width) {
        const int id = t.integer("old", size);
        auto* type = const_cast<btf_type*>(btf__type_by_id(t.get(), static_cast<__u32>(id)));
        const __u32 bits = offset << 16 | width;
        memcpy(type + 1, &bits, sizeof bits);
        return id;
    };
    const Layout byte = t.layout(within(4, 8, 8), 4);
    CHECK(byte.offset == 0);
    CHECK(byte.size == 4);
    CHECK(json(byte, bytes({1, 2, 3, 4})) == "2");
    const Layout low = t.layout(within(8, 0, 24), 8);
    CHECK(low.size == 8);
    CHECK(json(low, bytes({1, 2, 3, 4, 5, 6, 7, 8})) == "197121");
    const Layout high = t.layout(within(16, 120, 8), 16);
    CHECK(high.size == 16);
    CHECK(json(high, bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9})) == "9");
    // CPUs become one in a buffer as large as the layout of the sum.
    const std::vector<std::byte> copies = bytes({0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0});
    const MergePlan plan(byte, Merge::sum, {});
    std::vector<std::byte> merged(plan.layout().size);
    plan.merge(copies.data(), 2, 8, merged.data());
    CHECK(json(plan.layout(), merged) == "5");
}

TEST_CASE("names that would break a format are cleaned, clashing and missing ones made unique") {
    Types t;
    const int inner = t.group(nullptr, 4, {{"a", t.u16, 0}, {"b", t.u16, 16}});
    const int type = t.group("s", 16,
                             {{"a", t.u32, 0},
                              {nullptr, inner, 32},
                              {nullptr, t.u32, 64},
                              {"a\"\n\\", t.u16, 96},
                              {"b", t.u16, 112}});
    CHECK(json(t.layout(type, 16), bytes({1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 0, 0, 5, 0, 6, 0})) ==
          R"({"a":1,"a_2":2,"b":3,"unnamed":4,"a___":5,"b_2":6})");
}

TEST_CASE("a name that stands twice has a number in JSON, in columns, in paths and for formats") {
    Types t;
    const int inner = t.group(nullptr, 8, {{"a", t.u32, 0}, {"b", t.u32, 32}});
    const int type = t.group("s", 20, {{"a", t.u32, 0}, {nullptr, inner, 32}, {"a", t.u64, 96}});
    const Layout layout = t.layout(type, 20, {{"value.a_2", "ipv4"}, {"value.a_3", "hex"}});
    std::vector<std::byte> value(20);
    value[0] = std::byte{1};
    value[4] = std::byte{10};
    value[12] = std::byte{0xab};
    CHECK(json(layout, value) == R"({"a":1,"a_2":"10.0.0.0","b":0,"a_3":"0xab"})");
    CHECK(leaf_paths(layout) == std::vector<std::string>{"a", "a_2", "b", "a_3"});
    CHECK(find_field(layout, "a_3")->offset == 12);
    CHECK(find_field(layout, "a_2")->offset == 4);
    const ColumnPlan columns(layout, "value", Style::decoded);
    CHECK(columns.names() ==
          std::vector<std::string>{"value.a", "value.a_2", "value.b", "value.a_3"});
}

TEST_CASE("a struct below is a scope of its own, and a name cannot look like a path") {
    Types t;
    const int inner = t.group("inner", 4, {{"a", t.u32, 0}});
    const int type = t.group(
        "s", 16, {{"a", inner, 0}, {"a.a", t.u32, 32}, {"a[0]", t.u32, 64}, {"b", inner, 96}});
    CHECK(leaf_paths(t.layout(type, 16)) == std::vector<std::string>{"a.a", "a_a", "a_0_", "b.a"});
}

TEST_CASE("a pointer has 8 bytes in a BTF without `long`, from whose size libbpf would guess") {
    Types t;
    const int pointer = btf__add_ptr(t.edit(), t.u32);
    const int group = t.group("pair", 24, {{"one", pointer, 0}, {"two", t.array(pointer, 2), 64}});
    std::uint32_t size = 0;
    const void* data = btf__raw_data(t.get(), &size);
    const std::unique_ptr<btf, decltype(&btf__free)> read(btf__new(data, size), btf__free);
    REQUIRE(read);
    for (const std::size_t guess : {0, 4}) {
        if (guess != 0)
            REQUIRE(btf__set_pointer_size(read.get(), guess) == 0);
        const Layout layout =
            build_layout(read.get(), static_cast<std::uint32_t>(group), 24, "value");
        const std::uint64_t value[] = {0xffff888100000001, 2, 3};
        CHECK(json(layout, raw(value)) == R"({"one":"0xffff888100000001","two":["0x2","0x3"]})");
        CHECK(json(layout, raw(value), Style::raw) ==
              R"({"one":18446612686364999681,"two":[2,3]})");
    }
}

TEST_CASE("a member with a name that C does not have is found by the path that it is given") {
    Types t;
    const int inner = t.group("inner", 1, {{"p.q", t.u8, 0}});
    const Layout layout =
        t.layout(t.group("odd", 4, {{"a.b", t.u8, 0}, {"c[0]", t.u8, 8}, {"a_b", inner, 16}}), 4);
    CHECK(json(layout, bytes({1, 2, 3, 0})) == R"({"a_b":1,"c_0_":2,"a_b_2":{"p_q":3}})");
    for (const std::string& path : leaf_paths(layout))
        CHECK_MESSAGE(find_field(layout, path), path);
}

TEST_CASE("a small value that unfolds into billions of fields is refused") {
    Types t;
    const int empty = t.group("empty", 0, {});
    const int many = t.array(t.array(empty, 65536), 65536);
    CHECK(fault([&] { t.layout(many, 0); }) ==
          "value: unfolds into 4295032832 fields; at most 16777216 can be shown");
    int deep = empty;
    for (int i = 0; i < 8; ++i)
        deep = t.array(deep, 65536);
    CHECK(fault([&] { t.layout(deep, 0); }).find("fields; at most 16777216") != std::string::npos);
    std::vector<Member> arms(300, {"arm", t.u8, 0});
    const int wide = t.array(t.one_of("wide", 1, arms), 65536);
    CHECK(fault([&] { t.layout(wide, 65536); }).find("19726337 fields") != std::string::npos);
    CHECK(t.layout(t.array(t.u8, 1u << 26), 1u << 26).count == 1u << 26); // one text
    CHECK(t.layout(t.array(t.array(t.u32, 4096), 1024), 1u << 24).count == 1024);
}

TEST_CASE("a type's name says what is text: bpf-gcc marks every char, clang none") {
    Types t;
    const int letter = t.integer("char", 1, BTF_INT_CHAR);
    const int byte = t.integer("unsigned char", 1, BTF_INT_CHAR);
    const int u8 = t.alias("__u8", byte);
    const int name = t.alias("letter_t", letter);
    const Layout layout = t.layout(t.group("v", 14,
                                           {{"mac", t.array(u8, 6), 0},
                                            {"name", t.array(letter, 4), 48},
                                            {"word", t.array(name, 2), 80},
                                            {"count", u8, 96},
                                            {"more", byte, 104}}),
                                   14);
    const auto value = bytes({0, 0x1b, 0x21, 0x3c, 0x4d, 0x5e, 'l', 'o', 0, 0, 'a', 'b', 65, 255});
    CHECK(json(layout, value) ==
          R"({"mac":"001b213c4d5e","name":"lo","word":"ab","count":65,"more":255})");
    CHECK(json(layout, value, Style::raw).starts_with(R"({"mac":[0,27,33,60,77,94],"name":)"));
}

TEST_CASE("what the kernel keeps for itself has a name and a size: another struct is data") {
    Types t;
    const Layout own = t.layout(
        t.group("v", 8,
                {{"timer", t.group("bpf_timer", 4, {{"x", t.u32, 0}}), 0}, {"after", t.u32, 32}}),
        8);
    CHECK(json(own, bytes({7, 0, 0, 0, 9, 0, 0, 0})) == R"({"timer":{"x":7},"after":9})");
    const int timer = t.group("bpf_timer", 16, {{"opaque", t.array(t.u64, 2), 0}});
    const Layout kernel = t.layout(t.group("w", 16, {{"timer", timer, 0}}), 16);
    CHECK(json(kernel, std::vector<std::byte>(16)) == R"({"timer":"bpf_timer"})");
}
