// SPDX-License-Identifier: BSD-2-Clause
#include <cmath>

#include <doctest/doctest.h>

#include "decode/scalar_text.hpp"

using namespace dynmon;

TEST_CASE("every half is the nearest half of its own value") {
    for (unsigned bits = 0; bits <= 0xffff; ++bits) {
        const float value = from_half(static_cast<std::uint16_t>(bits));
        if (std::isnan(value))
            CHECK((to_half(value) & 0x7fff) > 0x7c00);
        else
            REQUIRE(to_half(value) == bits);
    }
}

TEST_CASE("halves have the values of IEEE 754 and round to even") {
    CHECK(from_half(0x3c00) == 1.0f);
    CHECK(from_half(0xc000) == -2.0f);
    CHECK(from_half(0x7bff) == 65504.0f);
    CHECK(from_half(0x0001) == std::ldexp(1.0f, -24));
    CHECK(from_half(0x0400) == std::ldexp(1.0f, -14));
    CHECK(std::isinf(from_half(0xfc00)));
    CHECK(std::signbit(from_half(0x8000)));
    CHECK(to_half(1.0 + std::ldexp(1.0, -11)) == 0x3c00);
    CHECK(to_half(1.0 + 3 * std::ldexp(1.0, -11)) == 0x3c02);
    CHECK(to_half(2047.999) == 0x6800); // carries into the exponent
    CHECK(to_half(65519.99) == 0x7bff);
    CHECK(to_half(65520.0) == 0x7c00);
    CHECK(to_half(std::ldexp(1.0, -14) * 0.99999) == 0x0400);
    CHECK(to_half(std::ldexp(1.0, -26)) == 0);
}
