// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "decode/parameters.hpp"
#include "filter/literal.hpp"

using namespace dynmon;

namespace {

std::string text_of(const std::optional<ExactNumber>& number) {
    if (!number)
        return "none";
    if (number->too_large)
        return "too large";
    return to_text(static_cast<WideInteger>(number->size) * (number->negative ? -1 : 1));
}

std::string number(std::string_view text) {
    return text_of(parse_exact_number(text));
}
std::string duration(std::string_view text) {
    return text_of(parse_exact_duration(text));
}
std::string time(std::string_view text, std::uint64_t now = 1'000'000'000'000) {
    const auto parsed = parse_exact_time(text, now);
    return parsed ? to_text(*parsed) : "none";
}

} // namespace

TEST_CASE("numbers with signs, bases, separators and units are exact") {
    CHECK(number("443") == "443");
    CHECK(number("-12") == "-12");
    CHECK(number("+12") == "12");
    CHECK(number("0xfF") == "255");
    CHECK(number("1_000_000") == "1000000");
    CHECK(number("64K") == "64000");
    CHECK(number("1MB") == "1000000");
    CHECK(number("1.5MB") == "1500000");
    CHECK(number("0.001KB") == "1");
    CHECK(number("2GiB") == "2147483648");
    CHECK(number("18446744073709551615") == "18446744073709551615");
    CHECK(number("18446744073709551615TiB") == "20282409603651670422847739658240");
    CHECK(number("340282366920938463463374607431768211455") == "-1"); // all 128 bits
    CHECK(number("340282366920938463463374607431768211456") == "too large");
    CHECK(number("340282366920938463463374607431768211455K") == "too large");
    for (const char* text : {"", "-", "x", "1_", "_1", "1__0", "1.5", "1.", ".5", "0x", "0xg",
                             "1mb", "1 MB", "0.0001KB", "1e6", "--1", "12ab"})
        CHECK_MESSAGE(number(text) == "none", text);
}

TEST_CASE("durations need a unit") {
    CHECK(duration("5s") == "5000000000");
    CHECK(duration("10ms") == "10000000");
    CHECK(duration("1.25us") == "1250");
    CHECK(duration("2m") == "120000000000");
    CHECK(duration("-1h") == "-3600000000000");
    CHECK(duration("0") == "0");
    for (const char* text : {"5", "s", "5 s", "5x", "1.2345ns", ""})
        CHECK_MESSAGE(duration(text) == "none", text);
}

TEST_CASE("times are ISO 8601 or relative to now") {
    CHECK(time("1970-01-01T00:00:01Z") == "1000000000");
    CHECK(time("2026-11-21T12:00:00.000000001Z") == "1795262400000000001");
    CHECK(time("2026-11-21 12:00") == "1795262400000000000");
    CHECK(time("2026-11-21T14:00:00+02:00") == "1795262400000000000");
    CHECK(time("2026-11-21T10:30:00-0130") == "1795262400000000000");
    CHECK(time("2026-11-21") == "1795219200000000000");
    CHECK(time("1969-12-31T23:59:59Z") == "-1000000000");
    CHECK(time("now") == "1000000000000");
    CHECK(time("now-5m") == "700000000000");
    CHECK(time("now+1s") == "1001000000000");
    for (const char* text :
         {"", "nowhere", "now5m", "now-", "now-5", "2026-13-01", "2026-02-29", "2026-11-21T",
          "2026-11-21T24:00", "2026-11-21T12", "12:00", "2026-11-21T12:00:00.0000000001Z",
          "2026-11-21T12:00:00X", "2026-11-21T12:00:60Z", "2026-11-21T12:00+25:00"})
        CHECK_MESSAGE(time(text) == "none", text);
}
