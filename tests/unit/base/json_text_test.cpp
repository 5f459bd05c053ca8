// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"

using namespace dynmon;
using nlohmann::json;

// PROMISES:
// O-2 JSON is printed whatever the texts hold
TEST_CASE("a text that is no UTF-8 never makes JSON impossible") {
    CHECK(json_text(json{{"device", "eth\xff"}}) == "{\"device\":\"eth\xef\xbf\xbd\"}");
}

TEST_CASE("what a terminal would obey is escaped, and parses as the same text") {
    const std::string text = "\x1b[2J \xc2\x9b \xe2\x80\xae \x7f gr\xc3\xbc\xc3\x9f";
    const std::string printed = json_text(json{text});
    CHECK(printed == "[\"\\u001b[2J \\u009b \\u202e \\u007f gr\xc3\xbc\xc3\x9f\"]");
    CHECK(json::parse(printed)[0] == text);
}

TEST_CASE("bytes survive JSON, whatever they are") {
    const json document = {{"netns", "\xff\xfe"},
                           {"list", {"a", "\xc3", json{{"deep", std::string("\x80\0", 2)}}}},
                           {"plain", {{"hex", "no digits"}}},
                           {"number", 7}};
    json pinned = document;
    bytes_to_hex(pinned);
    const std::string text = json_text(pinned);
    CHECK(text.find("{\"hex\":\"fffe\"}") != std::string::npos);
    json read = json::parse(text);
    hex_to_bytes(read);
    CHECK(read == document);
}
