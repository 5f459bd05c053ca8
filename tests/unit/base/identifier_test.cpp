// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "base/error.hpp"
#include "base/identifier.hpp"

using namespace dynmon;

TEST_CASE("identifiers are what bpffs, the command line and metrics can all carry") {
    for (const char* good : {"a", "flows", "my-probe_2", "0", "_x"})
        CHECK_MESSAGE(is_identifier(good), good);
    const std::string longest(63, 'x');
    CHECK(is_identifier(longest));
    for (const std::string& bad :
         {std::string(), longest + "x", std::string("../x"), std::string("a.b"), std::string("a/b"),
          std::string("-rf"), std::string("__stage_1"), std::string("fl\0ws", 5),
          std::string("fl\xc3\xb6ws")})
        CHECK_MESSAGE(!is_identifier(bad), bad);
    CHECK_THROWS_AS(require_identifier("a b", "monitor name"), Error);
}

TEST_CASE("the nearest name is offered for a typo and nothing for a stranger") {
    const std::vector<std::string> keys = {"swap-on-read", "empty-on-read", "map-name", "name"};
    CHECK(nearest_name("swap-on-raed", keys) == "swap-on-read");
    CHECK(nearest_name("map_name", keys) == "map-name");
    CHECK(nearest_name("zzzzzzzzzzzz", keys).empty());
    CHECK(nearest_name("nc0", {"lo", "ifb0"}).empty());
    CHECK(nearest_name("eth0", {"ifb0", "veth0"}) == "veth0");
    CHECK(nearest_name("wbe", {"web"}) == "web");
    CHECK(nearest_name("xy", {"lo"}).empty());
}
