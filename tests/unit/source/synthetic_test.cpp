// SPDX-License-Identifier: BSD-2-Clause
#include <array>

#include <doctest/doctest.h>

#include "decode/decode_plan.hpp"
#include "source/typed_map.hpp"

using namespace dynmon;

TEST_CASE("a struct made by hand is printed like one of BTF") {
    SyntheticStruct inner;
    inner.number("a", 1);
    inner.text("b", 4);
    SyntheticStruct outer;
    CHECK(outer.number("id", 8) == 0);
    CHECK(outer.bytes("tag", 2) == 8);
    CHECK(outer.member("key", std::move(inner).layout()) == 10);
    const Layout layout = std::move(outer).layout();
    CHECK(layout.size == 15);

    std::array<std::byte, 15> row{};
    store(row.data(), std::uint64_t{7});
    store(row.data() + 8, std::uint16_t{0x0201});
    store(row.data() + 10, std::uint8_t{3});
    store_text(row.data() + 11, 4, "too long");
    std::string out;
    JsonPlan(layout, Style::decoded).append(row.data(), out);
    CHECK(out == R"({"id":7,"tag":"0102","key":{"a":3,"b":"too"}})");
    CHECK(leaf_paths(layout) == std::vector<std::string>{"id", "tag", "key.a", "key.b"});
}
