// SPDX-License-Identifier: BSD-2-Clause
#include <cstring>
#include <limits>

#include "decode/types.hpp"
#include "filter/rate.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

template <typename T>
std::string rates(const Layout& layout, const T& value, double seconds = 2,
                  Merge merge = Merge::sum, const std::map<std::string, Merge>& fields = {},
                  const std::set<std::string>& gauges = {}) {
    REQUIRE(sizeof value == layout.size);
    const RatePlan plan(layout, merge, fields, gauges);
    std::vector<std::byte> into(plan.layout().size);
    plan.apply(raw(value), seconds, into.data());
    return json(plan.layout(), into);
}

} // namespace

TEST_CASE("an address keeps its version, wherever it is moved to") {
    Types t;
    struct {
        std::uint32_t packets = 10;
        std::uint8_t server[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
        std::uint32_t bytes = 20;
        std::uint32_t server_version = 6;
    } value;
    const int ip = t.alias("dynmon_ip_t", t.array(t.u8, 16));
    const Layout layout = t.layout(t.group("v", sizeof value,
                                           {{"packets", t.u32, 0},
                                            {"server", ip, 32},
                                            {"bytes", t.u32, 160},
                                            {"server_version", t.u32, 192}}),
                                   sizeof value);
    CHECK(rates(layout, value, 2, Merge::sum, {{"value.server_version", Merge::first}}) ==
          R"({"packets":5.0,"server":"::ffff:10.0.0.1","bytes":10.0,"server_version":6})");
}

TEST_CASE("what adds up is per second, the rest stays as it is") {
    Types t;
    struct {
        std::uint64_t packets = 10;
        std::uint64_t last = 1795262400'000000000;
        std::uint64_t busy = 500'000'000;
        std::uint32_t addr = 0x0100000a;
        std::uint16_t port = 0xbb01;
        std::uint8_t flags = 0x12;
        std::uint8_t on = 1;
        char name[4] = {'e', 't', 'h', 0};
        std::int32_t drift = -3;
    } value;
    const Layout layout = t.layout(t.group("v", sizeof value,
                                           {{"packets", t.u64, 0},
                                            {"last", t.alias("dynmon_time_ns_t", t.u64), 64},
                                            {"busy", t.alias("dynmon_duration_ns_t", t.u64), 128},
                                            {"addr", t.alias("dynmon_ipv4_t", t.u32), 192},
                                            {"port", t.alias("dynmon_port_t", t.u16), 224},
                                            {"flags", t.alias("dynmon_tcp_flags_t", t.u8), 240},
                                            {"on", t.b8, 248},
                                            {"name", t.array(t.c8, 4), 256},
                                            {"drift", t.s32, 288}}),
                                   sizeof value);
    CHECK(rates(layout, value) ==
          R"({"packets":5.0,"last":"2026-11-21T12:00:00.000000000Z","busy":0.25,)"
          R"("addr":"10.0.0.1","port":443,"flags":"SYN|ACK","on":true,"name":"eth","drift":-1.5})");
    CHECK(rates(layout, value, 0).starts_with(R"({"packets":null,"last":"2026)")); // no window
}

TEST_CASE("the rules of the merge say what adds up, and gauges do not") {
    Types t;
    const std::array<std::uint32_t, 3> value{8, 6, 4};
    const Layout layout =
        t.layout(t.group("v", 12, {{"a", t.u32, 0}, {"b", t.u32, 32}, {"c", t.u32, 64}}), 12);
    CHECK(rates(layout, value) == R"({"a":4.0,"b":3.0,"c":2.0})");
    CHECK(rates(layout, value, 2, Merge::sum, {{"value.b", Merge::max}}, {"value.c"}) ==
          R"({"a":4.0,"b":6,"c":4})");
    CHECK(rates(layout, value, 2, Merge::max, {{"value.b", Merge::sum}}) ==
          R"({"a":8,"b":3.0,"c":4})");
    CHECK(rates(layout, value, 2, Merge::none) == R"({"a":4.0,"b":3.0,"c":2.0})");
    CHECK(RatePlan(layout, Merge::sum, {}, {"value"}).empty());
    CHECK(RatePlan(layout, Merge::last, {}, {}).empty());
    CHECK(!RatePlan(layout, Merge::sum, {}, {}).empty());
}

TEST_CASE("arrays, structs within arrays, bitfields and values of any width") {
    Types t;
    struct {
        std::uint8_t bits = 0x3f; // low 7, high 7
        std::uint8_t hist[3] = {2, 4, 6};
        std::uint16_t pairs[2][2] = {{1, 2}, {3, 4}};
        std::uint32_t pad = 0;
        std::uint32_t last[1] = {9};
        unsigned __int128 wide = static_cast<unsigned __int128>(1) << 100;
    } value;
    const int pair =
        t.group("pair", 4, {{"x", t.u16, 0}, {"port", t.alias("dynmon_port_t", t.u16), 16}});
    const Layout layout =
        t.layout(t.group("v", sizeof value,
                         {{"low", t.u8, 0, 3},
                          {"high", t.u8, 3, 5},
                          {"hist", t.array(t.alias("counter", t.s8), 3), 8},
                          {"pairs", t.array(pair, 2), 32},
                          {"last", t.array(t.u32, 1), offsetof(decltype(value), last) * 8},
                          {"wide", t.integer("unsigned __int128", 16),
                           offsetof(decltype(value), wide) * 8}}),
                 sizeof value);
    CHECK(rates(layout, value) ==
          R"({"low":3.5,"high":3.5,"hist":[1.0,2.0,3.0],"pairs":[{"x":0.5,"port":512},)"
          R"({"x":1.5,"port":1024}],"last":[4.5],"wide":6.338253001141147e+29})");
}

TEST_CASE("the arms of a union share their bytes: they stay") {
    Types t;
    const Layout layout = t.layout(
        t.group("v", 16,
                {{"u", t.one_of("u", 8, {{"n", t.u64, 0}, {"b", t.array(t.u16, 4), 0}}), 0},
                 {"n", t.u64, 64}}),
        16);
    const std::array<std::uint64_t, 2> value{3, 4};
    CHECK(rates(layout, value) == R"({"u":{"n":3,"b":[3,0,0,0]},"n":2.0})");
}

TEST_CASE("arms of a union that are two names for one count are both its rate") {
    Types t;
    const int arms = t.one_of("u", 8, {{"packets", t.u64, 0}, {"rx_packets", t.u64, 0}});
    const Layout layout = t.layout(t.group("v", 8, {{nullptr, arms, 0}}), 8);
    CHECK(rates(layout, std::uint64_t{7}) == R"({"packets":3.5,"rx_packets":3.5})");
}

TEST_CASE("a single number is a rate of its own") {
    const Types t;
    CHECK(rates(t.layout(t.u64, 8), std::uint64_t{7}) == "3.5");
    CHECK(rates(t.layout(t.s8, 1), std::int8_t{-7}) == "-3.5");
}

TEST_CASE("a rate has six digits, or all that stand before the point") {
    const Types t;
    const auto rate = [&](std::uint64_t count, double seconds) {
        return rates(t.layout(t.u64, 8), count, seconds);
    };
    CHECK(rate(152, 10.7219) == "14.1766");
    CHECK(rate(1, 10.7219) == "0.0932671");
    CHECK(rate(1, 3e6) == "3.33333e-07");
    CHECK(rate(12'345'678'905, 10) == "1234567891.0");
    CHECK(rate(std::numeric_limits<std::uint64_t>::max(), 1) == "1.8446744073709552e+19");
    CHECK(rate(0, 3) == "0.0");
}

TEST_CASE("durations of every unit are seconds per second, and halves are numbers") {
    Types t;
    struct {
        std::uint64_t us = 3'000'000;
        std::uint32_t ms = 500;
        std::uint32_t s = 6;
        std::uint16_t half = 0x4200; // 3
    } value;
    const Layout layout =
        t.layout(t.group("v", sizeof value,
                         {{"us", t.alias("dynmon_duration_us_t", t.u64), 0},
                          {"ms", t.alias("dynmon_duration_ms_t", t.u32), 64},
                          {"s", t.alias("dynmon_duration_s_t", t.u32), 96},
                          {"half", btf__add_float(t.edit(), "_Float16", 2), 128}}),
                 sizeof value);
    CHECK(rates(layout, value) == R"({"us":1.5,"ms":0.25,"s":3.0,"half":1.5})");
}
