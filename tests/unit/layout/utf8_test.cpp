#include <doctest/doctest.h>

#include "layout/utf8.hpp"

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
    for (const auto& [text, length] : cases)
        CHECK_MESSAGE(utf8_length(text) == length, text);
    CHECK(is_utf8("gr\xc3\xbc\xc3\x9f"));
    CHECK(!is_utf8("gr\xc3"));
}

TEST_CASE("a JSON string escapes what must be and replaces what is no character") {
    std::string out;
    append_json_string(std::string("\"\\/\b\f\n\r\t\x1f\0\xfe\xc3\xa4", 13), out);
    CHECK(out == "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\\u0000\xef\xbf\xbd\xc3\xa4\"");
}
