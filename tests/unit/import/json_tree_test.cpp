// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "import/json_tree.hpp"

using namespace dynmon;

TEST_CASE("values know where they stand, also in one long line") {
    std::string text = "[";
    constexpr int count =
        200'000; // a place that is looked for from the start each time takes minutes
    for (int i = 0; i < count; ++i)
        text += (i == 0 ? "" : ",") + std::string("7");
    text += ",\"x\",true]";
    const Node tree = parse_json_tree(text, "t.json", text.size());
    REQUIRE(tree.items.size() == count + 2);
    for (const int i : {0, 1, 77'777, count - 1}) {
        CHECK(tree.items[static_cast<std::size_t>(i)].at.line == 1);
        CHECK(tree.items[static_cast<std::size_t>(i)].at.column == 2 * i + 2);
    }
    CHECK(tree.items[count].at.column == 2 * count + 2);
    CHECK(tree.items[count + 1].at.column == 2 * count + 6);
}
