// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cmath>
#include <random>

#include "format/metrics.hpp"
#include "format/shape.hpp"

using namespace dynmon;
using namespace dynmon::test;

TEST_CASE("a table is aligned, numbers to the right, under a title") {
    const Metrics m;
    const Part part{m.flows(BPF_MAP_TYPE_HASH), {batch(flow_keys, flow_values)}};
    CHECK(render({.format = Format::table}, {part, at_egress({m.flows(BPF_MAP_TYPE_HASH), {}})}) ==
          "web  window 7  2026-11-21T11:59:58.500000000Z  1.5s\n"
          "\n"
          "flows  ingress  FLOWS  hash  2 rows\n"
          "saddr     dport  proto  packets  bytes             last\n"
          "10.0.0.1    443  TCP          5    500  12:00:00.000000\n"
          "10.0.0.2     53  UDP          7     70\n"
          "\n"
          "flows  egress  FLOWS  hash  0 rows\n");
}

TEST_CASE("rows are sorted by any column, up or down, numbers as numbers") {
    const Metrics m;
    const std::vector<std::uint32_t> keys = {1, 2, 3, 4};
    const std::vector<std::uint64_t> values = {100, 20, 3, 20};
    const Part part{m.counters(BPF_MAP_TYPE_HASH), {batch(keys, values)}};
    const auto table = [&](const char* sort, std::size_t top = 0) {
        return render({.format = Format::table, .sort = sort, .top = top}, {part}, "");
    };
    CHECK(table("value") == "packets_total  hash  4 rows\n"
                            "key  value\n"
                            "  3      3\n"
                            "  2     20\n"
                            "  4     20\n"
                            "  1    100\n");
    CHECK(table("-value", 2) == "packets_total  hash  top 2 of 4 rows\n"
                                "key  value\n"
                                "  1    100\n"
                                "  2     20\n");
    CHECK(table("-value,-key", 3) == "packets_total  hash  top 3 of 4 rows\n"
                                     "key  value\n"
                                     "  1    100\n"
                                     "  4     20\n"
                                     "  2     20\n");
    CHECK(table("", 2) == "packets_total  hash  top 2 of 4 rows\n"
                          "key  value\n"
                          "  1    100\n"
                          "  2     20\n");
}

TEST_CASE("top N of many rows are the first N of all rows sorted") {
    const Metrics m;
    std::mt19937 random(7);
    std::vector<std::uint32_t> keys;
    std::vector<std::uint64_t> values;
    for (std::uint32_t i = 0; i < 2000; ++i) {
        keys.push_back(i);
        values.push_back(random() % 500);
    }
    const Part part{m.counters(BPF_MAP_TYPE_HASH), {batch(keys, values)}};
    for (const char* sort : {"value", "-value", "-key"}) {
        const auto lines = [&](std::size_t top) {
            const std::string text =
                render({.format = Format::table, .sort = sort, .top = top}, {part}, "");
            std::vector<std::string> rows;
            for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
                std::string line = text.substr(at, text.find('\n', at) - at);
                line.erase(std::remove(line.begin(), line.end(), ' '), line.end());
                rows.push_back(line);
            }
            rows.erase(rows.begin(), rows.begin() + 2); // title and header
            return rows;
        };
        std::vector<std::string> all = lines(0);
        REQUIRE(all.size() == 2000);
        all.resize(25);
        CHECK(lines(25) == all);
    }
}

TEST_CASE("a column may be named without key or value, unless both have it") {
    Metrics m;
    Types& t = m.types;
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.key = t.layout(t.group("k", 4, {{"id", t.u16, 0}, {"n", t.u16, 16}}), 4, {}, "key");
    view.value = t.layout(t.group("v", 4, {{"n", t.u16, 0}, {"m", t.u16, 16}}), 4);
    const std::vector<std::uint16_t> keys = {1, 9, 2, 8};
    const std::vector<std::uint16_t> values = {5, 7, 6, 3};
    const Batch entries{2, raw(keys[0]), raw(values[0]), 4, 4};
    const auto table = [&](const char* sort) {
        return render({.format = Format::table, .sort = sort}, {{view, {entries}}}, "");
    };
    CHECK(table("m") == "packets_total  hash  2 rows\n"
                        "id  key.n  value.n  m\n"
                        " 2      8        6  3\n"
                        " 1      9        5  7\n");
    CHECK(table("value.m") == table("m"));
    CHECK(table("key.n") == table("m"));
    const auto refused = [&](const char* sort) {
        return fault([&] { require_shape({.format = Format::table, .sort = sort}, {&view}); });
    };
    CHECK(refused("-value.n").empty());
    CHECK(refused("n") == "--sort: both key and value have a field 'n' (write key.n or value.n)");
    CHECK(refused("-value.mm") == "--sort: no field 'value.mm' (did you mean 'value.m'?)");
    CHECK(refused("bytes") ==
          "--sort: no field 'bytes' (the fields are key.id, key.n, value.n, value.m)");
}

TEST_CASE("a text cannot give orders to the terminal and keeps the columns aligned") {
    Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.key = m.types.layout(m.types.array(m.types.c8, 8), 8, {}, "key");
    const std::string keys("\x1b[2J\n\0\0\0\xc2\x9b\x7f\0\0\0\0\0gr\xc3\xbc\xc3\x9f\0\0", 24);
    const std::vector<std::uint64_t> values = {1, 2, 3};
    const Batch entries{3, reinterpret_cast<const std::byte*>(keys.data()), raw(values[0]), 8, 8};
    CHECK(render({.format = Format::table}, {{view, {entries}}}, "") ==
          "packets_total  hash  3 rows\n"
          "key           value\n"
          "\\x1b[2J\\x0a       1\n"
          "\\u{009b}\\x7f      2\n"
          "gr\xc3\xbc\xc3\x9f              3\n");
}

TEST_CASE("values that are not a number come last when sorted from the top") {
    Metrics m;
    MetricView view = m.counters(BPF_MAP_TYPE_HASH);
    view.value = m.types.layout(btf__add_float(m.types.edit(), "double", 8), 8);
    const std::vector<std::uint32_t> keys = {1, 2, 3};
    const std::vector<double> values = {std::nan(""), 5, -1};
    CHECK(render({.format = Format::table, .sort = "-value"}, {{view, {batch(keys, values)}}},
                 "") == "packets_total  hash  3 rows\n"
                        "key  value\n"
                        "  2    5.0\n"
                        "  3   -1.0\n"
                        "  1    NaN\n");
}
