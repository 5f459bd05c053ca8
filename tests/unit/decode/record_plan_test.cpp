// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cstring>
#include <tuple>

#include "decode/record_plan.hpp"
#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

// "name type(shape)", one after the other.
std::string fields(const RecordPlan& plan) {
    std::string text;
    for (const RecordPlan::Field& field : plan.fields()) {
        text += (text.empty() ? "" : ", ") + field.name + ' ' + field.type;
        for (std::size_t i = 0; i < field.shape.size(); ++i)
            text += (i == 0 ? "(" : ",") + std::to_string(field.shape[i]);
        text += field.shape.empty() ? "" : ")";
    }
    return text;
}

std::vector<unsigned> record(const RecordPlan& plan, const std::vector<std::byte>& value) {
    std::string out(plan.size() + 1, '\x55');
    char* const end = plan.put(value.data(), out.data());
    CHECK(end == out.data() + plan.size());
    CHECK(out.back() == '\x55');
    std::vector<unsigned> result;
    for (std::size_t i = 0; i < plan.size(); ++i)
        result.push_back(static_cast<unsigned char>(out[i]));
    return result;
}

// The letters of a record of nothing but text.
std::vector<std::string> letters(const RecordPlan& plan, const std::vector<std::byte>& value) {
    const std::vector<unsigned> found = record(plan, value);
    std::vector<std::string> texts;
    std::size_t at = 0;
    for (const RecordPlan::Field& field : plan.fields()) {
        REQUIRE(field.type.starts_with("<U"));
        const std::size_t width = std::stoul(field.type.substr(2));
        for (std::uint32_t i = 0; i < (field.shape.empty() ? 1 : field.shape[0]); ++i) {
            std::string text;
            for (std::size_t letter = 0; letter < width; ++letter, at += 4) {
                CHECK((found[at + 1] | found[at + 2] | found[at + 3]) == 0);
                text += static_cast<char>(found[at]);
            }
            texts.push_back(text.substr(0, text.find('\0')));
            CHECK(text.find_first_not_of('\0', texts.back().size()) == std::string::npos);
        }
    }
    CHECK(at == plan.size());
    return texts;
}

} // namespace

TEST_CASE("a record has the leaves without the padding, in the host's order") {
    Types types;
    const Layout layout =
        types.layout(types.group("v", 12,
                                 {{"a", types.u8, 0},
                                  {"port", types.alias("dynmon_port_t", types.u16), 16},
                                  {"order", types.alias("__be32", types.u32), 32},
                                  {"flag", types.b8, 64},
                                  {"b", types.s16, 80}}),
                     12);
    const RecordPlan plan(layout, "value");
    CHECK(fields(plan) == "value.a |u1, value.port <u2, value.order <u4, value.flag |b1, "
                          "value.b <i2");
    CHECK(record(plan, bytes({1, 99, 0x12, 0x34, 1, 2, 3, 4, 2, 99, 0xfe, 0xff})) ==
          std::vector<unsigned>{1, 0x34, 0x12, 4, 3, 2, 1, 1, 0xfe, 0xff});
}

TEST_CASE("bitfields widen to the next integer and keep their sign") {
    Types types;
    const Layout layout = types.layout(
        types.group(
            "v", 4,
            {{"low", types.u32, 0, 3}, {"mid", types.s32, 3, 11}, {"high", types.u32, 14, 18}}),
        4);
    const RecordPlan plan(layout, "value");
    CHECK(fields(plan) == "value.low |u1, value.mid <i2, value.high <u4");
    // low 5, mid -2, high 0x20001
    const std::uint32_t word = 5u | (0x7feu << 3) | (0x20001u << 14);
    CHECK(record(plan, bytes({word & 255, word >> 8 & 255, word >> 16 & 255, word >> 24})) ==
          std::vector<unsigned>{5, 0xfe, 0xff, 1, 0, 2, 0});
}

TEST_CASE("an array of single values is one field, an array of structs many") {
    Types types;
    const int point = types.group("point", 4, {{"x", types.s16, 0}, {"y", types.u8, 16}});
    const Layout layout =
        types.layout(types.group("v", 24,
                                 {{"grid", types.array(types.array(types.u16, 3), 2), 0},
                                  {"points", types.array(point, 2), 96},
                                  {"name", types.array(types.c8, 4), 160}}),
                     24);
    const RecordPlan plan(layout, "value");
    CHECK(fields(plan) == "value.grid <u2(2,3), value.points[0].x <i2, value.points[0].y |u1, "
                          "value.points[1].x <i2, value.points[1].y |u1, value.name |S4");
    std::vector<std::byte> value(24);
    for (std::size_t i = 0; i < value.size(); ++i)
        value[i] = static_cast<std::byte>(i);
    CHECK(record(plan, value) == std::vector<unsigned>{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                       11, 12, 13, 14, 16, 17, 18, 20, 21, 22, 23});
}

TEST_CASE("single values, bytes and 128 bits") {
    Types types;
    CHECK(fields(RecordPlan(types.layout(types.u64, 8), "value")) == "value <u8");
    CHECK(fields(RecordPlan(untyped_layout(3), "key")) == "key |u1(3)");
    const int wide = types.integer("__int128", 16, BTF_INT_SIGNED);
    CHECK(fields(RecordPlan(types.layout(wide, 16), "value")) == "value |u1(16)");
}

TEST_CASE("addresses are text of a fixed width, raw they are their bytes") {
    Types types;
    const int bytes16 = types.array(types.u8, 16);
    const Layout layout = types.layout(
        types.group("v", 50,
                    {{"old", types.alias("dynmon_ipv4_t", types.u32), 0},
                     {"new", types.alias("dynmon_ipv6_t", bytes16), 32},
                     {"any", types.alias("dynmon_ip_t", bytes16), 160},
                     {"mac", types.alias("dynmon_mac_t", types.array(types.u8, 6)), 288},
                     {"two", types.array(types.alias("dynmon_ipv4_t", types.u32), 2), 336}}),
        50);
    const RecordPlan plan(layout, "key");
    CHECK(fields(plan) == "key.old <U15, key.new <U39, key.any <U39, key.mac <U17, "
                          "key.two <U15(2)");
    CHECK(fields(RecordPlan(layout, "key", Style::raw)) ==
          "key.old |u1(4), key.new |u1(16), key.any |u1(16), key.mac |u1(6), key.two |u1(2,4)");
    std::vector<std::byte> value(50, std::byte{255});
    std::fill_n(value.begin() + 20, 10, std::byte{0}); // ::ffff:255.255.255.255
    CHECK(letters(plan, value) ==
          std::vector<std::string>{"255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                                   "255.255.255.255", "ff:ff:ff:ff:ff:ff", "255.255.255.255",
                                   "255.255.255.255"});
    CHECK(
        letters(plan, std::vector<std::byte>(50)) ==
        std::vector<std::string>{"0.0.0.0", "::", "::", "00:00:00:00:00:00", "0.0.0.0", "0.0.0.0"});
    CHECK(record(RecordPlan(layout, "key", Style::raw), value).size() == 50);
}

TEST_CASE("so are prefixes, the longest of which fit") {
    for (const auto& [size, type, longest] :
         {std::tuple{8u, "key <U18", "255.255.255.255/32"},
          std::tuple{20u, "key <U43", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"}}) {
        const RecordPlan plan(untyped_trie_key(size), "key");
        CHECK(fields(plan) == type);
        std::vector<std::byte> value(size, std::byte{255});
        const std::uint32_t bits = (size - 4) * 8;
        std::memcpy(value.data(), &bits, sizeof bits);
        CHECK(letters(plan, value) == std::vector<std::string>{longest});
    }
}
