// SPDX-License-Identifier: BSD-2-Clause
// What people write becomes the bytes that are printed like that.
#include <cstring>

#include <doctest/doctest.h>

#include "decode/types.hpp"
#include "filter/encode.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

constexpr std::uint64_t now = 1795262400'000000000ull; // 2026-11-21T12:00:00Z

std::string shown(const Layout& layout, const std::vector<std::byte>& bytes) {
    std::string text;
    JsonPlan(layout, Style::decoded).append(bytes.data(), text);
    return text;
}

// Encodes into `filled` bytes and prints them.
std::string encoded(const Layout& layout, const std::string& text, Encode how = Encode::whole,
                    std::byte filled = std::byte{0}) {
    std::vector<std::byte> bytes(layout.size, filled);
    encode(layout, text, how, now, bytes.data());
    return shown(layout, bytes);
}

std::string refused(const Layout& layout, const std::string& text) {
    std::vector<std::byte> bytes(layout.size);
    return fault([&] { encode(layout, text, Encode::whole, now, bytes.data()); });
}

} // namespace

TEST_CASE("a value of one field is written as it is printed") {
    Types t;
    CHECK(encoded(t.layout(t.u16, 2), "65535") == "65535");
    CHECK(encoded(t.layout(t.s32, 4), "-7") == "-7");
    CHECK(encoded(t.layout(t.u64, 8), "18446744073709551615") == "18446744073709551615");
    CHECK(encoded(t.layout(t.u64, 8), "2KiB") == "2048");
    CHECK(encoded(t.layout(t.b8, 1), "true") == "true");
    CHECK(encoded(t.layout(t.alias("dynmon_port_t", t.alias("__be16", t.u16)), 2), "443") == "443");
    CHECK(encoded(t.layout(t.alias("dynmon_ipv4_t", t.alias("__be32", t.u32)), 4), "10.0.0.1") ==
          "\"10.0.0.1\"");
    CHECK(encoded(t.layout(t.alias("dynmon_proto_t", t.u8), 1), "UDP") == "\"UDP\"");
    CHECK(encoded(t.layout(t.alias("dynmon_time_ns_t", t.u64), 8), "now+10m") ==
          "\"2026-11-21T12:10:00.000000000Z\"");
    CHECK(encoded(t.layout(t.alias("dynmon_duration_ns_t", t.u64), 8), "1.5s") == "\"1.5s\"");
    CHECK(encoded(t.layout(t.array(t.c8, 8), 8), "eth0", Encode::whole, std::byte{0x41}) ==
          "\"eth0\"");
}

TEST_CASE("network order is that of the type") {
    Types t;
    std::vector<std::byte> bytes(2);
    encode(t.layout(t.alias("dynmon_port_t", t.alias("__be16", t.u16)), 2), "443", Encode::whole,
           now, bytes.data());
    CHECK(bytes == std::vector<std::byte>{std::byte{0x01}, std::byte{0xbb}});
}

TEST_CASE("fields of a struct are set by their names, the others stay or are missed") {
    Types t;
    const int inner = t.group("inner", 4, {{"a", t.u16, 0}, {"b", t.u16, 16}});
    const Layout layout = t.layout(
        t.group("outer", 12, {{"x", t.u32, 0}, {"in", inner, 32}, {"list", t.array(t.u16, 2), 64}}),
        12);
    CHECK(encoded(layout, "x=1,in.a=2,in.b=3,list[0]=4,list[1]=5") ==
          R"({"x":1,"in":{"a":2,"b":3},"list":[4,5]})");
    CHECK(encoded(layout, "in.b=7", Encode::some, std::byte{1}) ==
          R"({"x":16843009,"in":{"a":257,"b":7},"list":[257,257]})");
    CHECK(refused(layout, "x=1,in.a=2,list[0]=4,list[1]=5").find("lacks in.b") !=
          std::string::npos);
}

TEST_CASE("bits beside a bitfield are left alone") {
    Types t;
    const Layout layout = t.layout(
        t.group("flags", 4, {{"low", t.u32, 0, 3}, {"mid", t.u32, 3, 7}, {"high", t.u32, 10, 22}}),
        4);
    CHECK(encoded(layout, "mid=5", Encode::some, std::byte{0xff}) ==
          R"({"low":7,"mid":5,"high":4194303})");
}

TEST_CASE("what does not fit is refused, with the field") {
    Types t;
    CHECK(refused(t.layout(t.u8, 1), "256") != "");
    CHECK(refused(t.layout(t.u8, 1), "") != "");
    CHECK(refused(t.layout(t.u8, 1), "1 ") != "");
    const Layout pair = t.layout(t.group("pair", 8, {{"first", t.u32, 0}, {"last", t.u32, 32}}), 8);
    CHECK(refused(pair, "first=1,last=4294967296").find("'last'") != std::string::npos);
    CHECK(refused(pair, "first=1,lats=2").find("did you mean 'last'?") != std::string::npos);
    for (const char* text : {"", "1", "first", "=1", "first=1,", ",first=1", "first=1,,last=2"})
        CHECK(refused(pair, text).find("sets no field") != std::string::npos);
    const Layout address = t.layout(t.alias("dynmon_ipv4_t", t.alias("__be32", t.u32)), 4);
    CHECK(refused(address, "10.0.0.0/8").find("a whole address") != std::string::npos);
    CHECK(refused(t.layout(t.array(t.c8, 4), 4), "eth00").find("room for 4") != std::string::npos);
}
