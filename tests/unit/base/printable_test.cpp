// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "base/text.hpp"

using namespace dynmon;

// PROMISES:
// O-1 A terminal gets no control character
TEST_CASE("what a terminal obeys, or what hides text, is escaped") {
    CHECK(printable("\x1b[2J") == "\\x1b[2J");
    CHECK(printable("a\rb\a\x7f") == "a\\x0db\\x07\\x7f");
    CHECK(printable("\xc2\x9b[2J") == "\\u{009b}[2J"); // CSI in one character
    CHECK(printable("\xe2\x80\xae"
                    "cba") == "\\u{202e}cba"); // right to left
    CHECK(printable("\xd8\x9c") == "\\u{061c}");
    CHECK(printable("\xe2\x81\xa6"
                    "x\xe2\x81\xa9") == "\\u{2066}x\\u{2069}");
    CHECK(printable("\xe2\x80\xa8") == "\\u{2028}");
    CHECK(printable("\xff"
                    "a\xc3") == "\\xff"
                                "a\\xc3");
}

TEST_CASE("everything else stands for itself") {
    const char* const text = "two\tlines\nof gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9d";
    CHECK(printable(text) == text);
    CHECK(printable("").empty());
}

TEST_CASE("a line has no newline, and no more bytes than it may have") {
    CHECK(printable_line("a\nb\tc") == "a\\x0ab\\x09c");
    CHECK(printable_line("abcdef", 4) == "abcd…");
    CHECK(printable_line("ab\xc3\xbc", 3) == "ab…"); // a character stays whole
    CHECK(printable_line("abcd", 4) == "abcd");
}

TEST_CASE("no line of a message can pass for a message of its own") {
    CHECK(printable_message("one\ndynmon-load: two\n\x1b[m") ==
          "one\n    dynmon-load: two\n    \\x1b[m");
    std::string longer(10000, 'x');
    longer += "\nend";
    std::string cut(4096, 'x');
    cut += "…\n    end";
    CHECK(printable_message(longer) == cut);
    CHECK(printable_message("").empty());
}
