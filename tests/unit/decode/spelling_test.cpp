// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "decode/text.hpp"

using namespace dynmon;

TEST_CASE("a JSON string escapes what must be and replaces what is no character") {
    std::string out;
    append_json_string(std::string("\"\\/\b\f\n\r\t\x1f\0\xfe\xc3\xa4", 13), out);
    CHECK(out == "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\\u0000\xef\xbf\xbd\xc3\xa4\"");
}
