// SPDX-License-Identifier: BSD-2-Clause
#include <cmath>

#include <doctest/doctest.h>

#include "format/histogram.hpp"

using namespace dynmon;

namespace {

std::string bounds(const Buckets& buckets, std::size_t count) {
    std::string text;
    for (const double bound : make_histogram(buckets, count).bounds) {
        text += text.empty() ? "" : " ";
        append_bound(bound, text);
    }
    return text;
}

Buckets linear(std::int64_t min, std::uint64_t width, double multiplier = 1) {
    Buckets buckets;
    buckets.scale = BucketScale::linear;
    buckets.min = min;
    buckets.width = width;
    buckets.multiplier = multiplier;
    return buckets;
}

std::string shown(double bound) {
    std::string text;
    append_bound(bound, text);
    return text;
}

} // namespace

TEST_CASE("a bound is the largest value of its bucket, and the last bucket has none") {
    CHECK(bounds({}, 5) == "1.0 3.0 7.0 15.0");
    CHECK(bounds({}, 1) == "");
    CHECK(bounds(linear(0, 1), 4) == "0.0 1.0 2.0");
    CHECK(bounds(linear(-5, 10), 3) == "4.0 14.0");
}

TEST_CASE("a multiplier is taken as the decimal number that it was written as") {
    Buckets ns;
    ns.multiplier = 1e-9;
    CHECK(bounds(ns, 11) == "1e-09 3e-09 7e-09 1.5e-08 3.1e-08 6.3e-08 1.27e-07 2.55e-07 5.11e-07 "
                            "1.023e-06");
    CHECK(bounds(linear(0, 100, 1e-3), 4) == "0.099 0.199 0.299");
    CHECK(bounds(linear(1, 1, 0.1), 4) == "0.1 0.2 0.3");
}

TEST_CASE("64 buckets by power of two have bounds that differ") {
    const Histogram histogram = make_histogram({}, 64);
    REQUIRE(histogram.bounds.size() == 63);
    for (std::size_t i = 1; i < histogram.bounds.size(); ++i)
        CHECK(histogram.bounds[i - 1] < histogram.bounds[i]);
    CHECK(histogram.bounds.back() == std::ldexp(1.0, 63)); // 2^63 - 1 has no double of its own
}

TEST_CASE("bounds at the far end of what a manifest may ask for differ too") {
    const std::int64_t far = std::int64_t{1} << 48;
    for (const double multiplier : {1.0, 1e-9, 1e-30, 1e30}) {
        for (const std::int64_t min : {far, -far}) {
            const Histogram histogram = make_histogram(linear(min, 1, multiplier), 512);
            for (std::size_t i = 1; i < histogram.bounds.size(); ++i)
                REQUIRE(histogram.bounds[i - 1] < histogram.bounds[i]);
        }
    }
}

TEST_CASE("a bound is written as Go writes it") {
    CHECK(shown(0) == "0.0");
    CHECK(shown(1) == "1.0");
    CHECK(shown(0.5) == "0.5");
    CHECK(shown(999999) == "999999.0");
    CHECK(shown(1000000) == "1e+06");
    CHECK(shown(1048575) == "1.048575e+06");
    CHECK(shown(0.0001) == "0.0001");
    CHECK(shown(0.00001) == "1e-05");
    CHECK(shown(-1) == "-1.0");
    CHECK(shown(std::ldexp(1.0, 63)) == "9.223372036854776e+18");
}
