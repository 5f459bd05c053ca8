// SPDX-License-Identifier: BSD-2-Clause
#include <utility>

#include <doctest/doctest.h>

#include "base/text.hpp"

using namespace dynmon;

TEST_CASE("UTF-8 is recognised, and nothing that only looks like it") {
    const std::pair<const char*, std::size_t> cases[] = {
        {"a", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
        {"\x80", 0},             // continuation alone
        {"\xc0\x80", 0},         // overlong
        {"\xe0\x9f\xbf", 0},     // overlong
        {"\xed\xa0\x80", 0},     // surrogate
        {"\xf4\x90\x80\x80", 0}, // beyond U+10FFFF
        {"\xe2\x82", 0},         // cut off
        {"\xff", 0},
    };
    for (const auto& each : cases)
        CHECK_MESSAGE(utf8_length(each.first) == each.second, each.first);
    CHECK(is_utf8("gr\xc3\xbc\xc3\x9f"));
    CHECK(!is_utf8("gr\xc3"));
}
