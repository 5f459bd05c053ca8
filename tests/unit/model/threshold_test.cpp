// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>

#include "model/threshold.hpp"

using namespace dynmon;

namespace {

constexpr FeatureRange u8{.bits = 8}, u32{.bits = 32}, u64{.bits = 64};
constexpr FeatureRange s8{.bits = 8, .is_signed = true}, s32{.bits = 32, .is_signed = true};

} // namespace

TEST_CASE("a half between two integers is the lower one, in every comparison") {
    for (const Comparison each : {Comparison::float_at_most, Comparison::float_below,
                                  Comparison::at_most, Comparison::below})
        CHECK(last_left(each, 41.5, u32) == 41);
}

TEST_CASE("on a threshold that is an integer, <= and < part") {
    CHECK(last_left(Comparison::at_most, 41, u32) == 41);
    CHECK(last_left(Comparison::float_at_most, 41, u32) == 41);
    CHECK(last_left(Comparison::below, 41, u32) == 40);
    CHECK(last_left(Comparison::float_below, 41, u32) == 40);
}

TEST_CASE("from 2^24 on float32 has not every integer") {
    constexpr double threshold =
        16777217.5; // float32(16777217) is 16777216, float32(16777219) ...20
    CHECK(last_left(Comparison::at_most, threshold, u32) == 16777217);
    CHECK(last_left(Comparison::float_at_most, threshold, u32) == 16777217);
    CHECK(last_left(Comparison::float_at_most, 16777218.5, u32) == 16777218);
    CHECK(last_left(Comparison::float_at_most, 16777219.5, u32) == 16777218); // 19 becomes 20
    CHECK(last_left(Comparison::float_below, 16777219.0, u32) == 16777218);   // as does 19.0 itself
}

TEST_CASE("a threshold outside of the range leaves one way") {
    CHECK(last_left(Comparison::at_most, -0.5, u32) == std::nullopt);
    CHECK(last_left(Comparison::below, 0, u32) == std::nullopt);
    CHECK(last_left(Comparison::at_most, 0, u32) == 0);
    CHECK(last_left(Comparison::at_most, 255, u8) == last_rank(u8));
    CHECK(last_left(Comparison::at_most, 1e30, u64) == last_rank(u64));
}

TEST_CASE("signed numbers keep their order as ranks") {
    CHECK(rank_of(-128, s8) == 0);
    CHECK(rank_of(127, s8) == last_rank(s8));
    CHECK(last_left(Comparison::at_most, -0.5, s8) == rank_of(-1, s8));
    CHECK(last_left(Comparison::at_most, -1, s32) == rank_of(-1, s32));
    CHECK(last_left(Comparison::below, -2147483648.0, s32) == std::nullopt);
}
