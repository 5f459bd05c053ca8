// SPDX-License-Identifier: BSD-2-Clause
#include <cmath>
#include <cstring>

#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

std::vector<std::string> cells(const ColumnPlan& plan, const std::byte* value) {
    std::vector<std::string> result;
    for (std::size_t i = 0; i < plan.names().size(); ++i)
        plan.append(i, value, result.emplace_back());
    return result;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("a struct has one column per leaf, in the order of its fields") {
    Types t;
    const int item = t.group("item", 2, {{"n", t.u8, 0}, {"on", t.b8, 8}});
    const int type = t.group("s", 32,
                             {{"addr", t.alias("dynmon_ipv4_t", t.u32), 0},
                              {"items", t.array(item, 2), 32},
                              {"name", t.array(t.c8, 8), 64},
                              {"seen", t.alias("dynmon_time_ns_t", t.u64), 128},
                              {"rate", btf__add_float(t.edit(), "double", 8), 192}});
    const Layout layout = t.layout(type, 32);
    std::vector<std::byte> value = bytes({10, 0, 0, 1, 7, 1, 8, 0});
    value.resize(32);
    std::memcpy(&value[8], "a\"b\xff", 4);
    const double nan = std::nan("");
    std::memcpy(&value[24], &nan, 8);

    const ColumnPlan people(layout, "key", Style::decoded);
    CHECK(people.names() == Texts{"key.addr", "key.items[0].n", "key.items[0].on", "key.items[1].n",
                                  "key.items[1].on", "key.name", "key.seen", "key.rate"});
    CHECK(cells(people, value.data()) ==
          Texts{"10.0.0.1", "7", "true", "8", "false", "a\"b\xef\xbf\xbd", "", "NaN"});
    const ColumnPlan bare(layout, "key", Style::raw);
    CHECK(bare.names() == people.names());
    CHECK(cells(bare, value.data()) ==
          Texts{"16777226", "7", "1", "8", "0", "0x612262ff00000000", "0", "NaN"});
    CHECK(!people.numeric(0));
    CHECK(people.numeric(1));
    CHECK(!people.numeric(2));
    CHECK(people.numeric(6));
}

TEST_CASE("scalars and lists have the column of their root") {
    Types t;
    CHECK(ColumnPlan(t.layout(t.u32, 4), "value", Style::decoded).names() == Texts{"value"});
    CHECK(ColumnPlan(t.layout(t.array(t.u16, 2), 4), "value", Style::decoded).names() ==
          Texts{"value[0]", "value[1]"});
}

TEST_CASE("raw columns of addresses in structs are their bytes") {
    Types t;
    const int mac = t.group(nullptr, 6, {{"b", t.array(t.u8, 6), 0}});
    const ColumnPlan plan(t.layout(t.alias("dynmon_mac_t", mac), 6), "key", Style::raw);
    CHECK(cells(plan, bytes({2, 0x42, 0, 0, 0, 1}).data()) == Texts{"024200000001"});
}

TEST_CASE("numbers are read with their sign, order and width") {
    Types t;
    const auto number = [&](int type, std::initializer_list<unsigned> value, Formats formats = {}) {
        const auto stored = bytes(value);
        return read_number(t.layout(type, static_cast<std::uint32_t>(stored.size()), formats),
                           stored.data());
    };
    CHECK(number(t.u16, {1, 2}).u == 513);
    CHECK(number(t.alias("__be16", t.u16), {1, 2}).u == 258);
    CHECK(number(t.s8, {0xff}).i == -1);
    CHECK(number(t.s8, {0xff}).kind == Number::Kind::i64);
    const double half = 0.5;
    const Layout f64 = t.layout(btf__add_float(t.edit(), "double", 8), 8);
    CHECK(read_number(f64, raw(half)).f == 0.5);
    CHECK(read_number(f64, raw(half)).kind == Number::Kind::f64);
    const int single = btf__add_float(t.edit(), "float", 4); // 0.5f; printed as hexadecimal
    CHECK(number(single, {0, 0, 0, 0x3f}, {{"value", "hex"}}).f == 0.5);
    CHECK(number(t.b8, {1}).u == 1);
}
