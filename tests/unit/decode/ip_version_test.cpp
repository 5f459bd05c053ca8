// SPDX-License-Identifier: BSD-2-Clause
// Addresses that may be of either version, and the field beside them that says which.
#include <cstring>

#include "decode/types.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

struct Pair {
    std::uint8_t saddr[16];
    std::uint8_t daddr[16];
    std::uint16_t version;
};

// ::ffff:10.0.0.1 and fd00::2.
Pair pair(std::uint16_t version) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1},
            {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2},
            version};
}

class Addresses : public Types {
public:
    Addresses() : ip(alias("dynmon_ip_t", group("ip", 16, {{"bytes", array(u8, 16), 0}}))) {}
    int pair_type(const char* version, int type) {
        return group("pair", sizeof(Pair),
                     {{"saddr", ip, 0}, {"daddr", ip, 128}, {version, type, 256}});
    }
    int ip;
};

constexpr const char* as_ipv4 = R"("saddr":"10.0.0.1","daddr":"fd00::2")";
constexpr const char* as_number = R"("saddr":16777226,"daddr":"fd00::2")";
constexpr const char* as_ipv6 = R"("saddr":"::ffff:10.0.0.1","daddr":"fd00::2")";

std::string shown(const Layout& layout, const Pair& value, Style style = Style::decoded) {
    const std::string text = json(layout, raw(value), style);
    return text.substr(1, text.rfind(',') - 1); // without the version
}

} // namespace

TEST_CASE("an IPv4-mapped address of IPv6 is shown as one where its struct says the version") {
    Addresses t;
    for (const int type : {t.u8, t.u16, t.s8}) {
        const Layout layout = t.layout(t.pair_type("ip_version", type), sizeof(Pair));
        for (const auto& [style, ipv4] :
             {std::pair{Style::decoded, as_ipv4}, std::pair{Style::dynmon, as_number}}) {
            CHECK(shown(layout, pair(4), style) == ipv4);
            CHECK(shown(layout, pair(6), style) == as_ipv6);
            CHECK(shown(layout, pair(0), style) == ipv4); // not known
        }
    }
    const Layout swapped =
        t.layout(t.pair_type("ip_version", t.alias("__be16", t.u16)), sizeof(Pair));
    CHECK(shown(swapped, pair(0x0600)) == as_ipv6);
    CHECK(shown(swapped, pair(0x0006)) == as_ipv4);
    const ColumnPlan columns(swapped, "key", Style::decoded);
    const Pair value = pair(0x0600);
    std::string cell;
    columns.append(0, raw(value), cell);
    CHECK(cell == "::ffff:10.0.0.1");
}

TEST_CASE("a version of one address alone goes before that of all") {
    Addresses t;
    struct {
        Pair pair;
        std::uint8_t more[16];
        std::uint8_t more_version;
        std::uint8_t pad;
    } value{pair(4), {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 3}, 6, 0};
    const Layout layout = t.layout(t.group("s", sizeof value,
                                           {{"saddr", t.ip, 0},
                                            {"ip_version", t.u16, 256},
                                            {"server", t.ip, 272},
                                            {"server_version", t.u8, 400}}),
                                   sizeof value);
    value.more_version = 6;
    CHECK(json(layout, raw(value)) ==
          R"({"saddr":"10.0.0.1","ip_version":4,"server":"::ffff:10.0.0.3","server_version":6})");
    value.pair.version = 6;
    value.more_version = 4;
    CHECK(json(layout, raw(value)) ==
          R"({"saddr":"::ffff:10.0.0.1","ip_version":6,"server":"10.0.0.3","server_version":4})");
}

TEST_CASE("no version is taken from elsewhere, nor from what is no version") {
    Addresses t;
    CHECK(shown(t.layout(t.pair_type("version", t.u8), sizeof(Pair)), pair(6)) == as_ipv4);
    CHECK(shown(t.layout(t.pair_type("ip_version", t.b8), sizeof(Pair)), pair(6)) == as_ipv4);
    const int inner = t.group("inner", 32, {{"saddr", t.ip, 0}, {"daddr", t.ip, 128}});
    const Layout outside =
        t.layout(t.group("outer", sizeof(Pair), {{"in", inner, 0}, {"ip_version", t.u8, 256}}),
                 sizeof(Pair));
    const Pair value = pair(6);
    CHECK(json(outside, raw(value)) ==
          R"({"in":{)" + std::string(as_ipv4) + R"(},"ip_version":6})");
    const Layout listed = t.layout(
        t.group("list", sizeof(Pair), {{"ip", t.array(t.ip, 2), 0}, {"ip_version", t.u8, 256}}),
        sizeof(Pair));
    CHECK(json(listed, raw(value)) == R"({"ip":["10.0.0.1","fd00::2"],"ip_version":6})");
}

TEST_CASE("members of anonymous structs have the version of the struct around them") {
    Addresses t;
    const int inner = t.group(nullptr, 32, {{"saddr", t.ip, 0}, {"daddr", t.ip, 128}});
    const int either = t.one_of(nullptr, 32, {{nullptr, inner, 0}});
    const Layout layout =
        t.layout(t.group("outer", sizeof(Pair), {{nullptr, either, 0}, {"ip_version", t.u8, 256}}),
                 sizeof(Pair));
    CHECK(shown(layout, pair(6)) == as_ipv6);
    CHECK(shown(layout, pair(4)) == as_ipv4);
}

TEST_CASE("each element of an array of structs has its own version") {
    Addresses t;
    const int element = t.pair_type("ip_version", t.u16);
    const Layout layout = t.layout(t.array(element, 2), 2 * sizeof(Pair));
    const Pair values[] = {pair(6), pair(4)};
    CHECK(json(layout, raw(values)) ==
          "[{" + std::string(as_ipv6) + R"(,"ip_version":6},{)" + as_ipv4 + R"(,"ip_version":4}])");
    const ColumnPlan columns(layout, "value", Style::decoded);
    std::string cells;
    for (const std::size_t column : {0u, 3u}) {
        columns.append(column, raw(values), cells);
        cells += ' ';
    }
    CHECK(cells == "::ffff:10.0.0.1 10.0.0.1 ");
}

TEST_CASE("a format makes an address of any 16 bytes, with the version beside them") {
    Addresses t;
    const int bytes16 = t.array(t.u8, 16);
    const Layout layout = t.layout(
        t.group("s", sizeof(Pair),
                {{"saddr", bytes16, 0}, {"daddr", bytes16, 128}, {"ip_version", t.u8, 256}}),
        sizeof(Pair), {{"value.saddr", "ip"}, {"value.daddr", "ip"}});
    CHECK(shown(layout, pair(6)) == as_ipv6);
}
