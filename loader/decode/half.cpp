// SPDX-License-Identifier: BSD-2-Clause
#include "decode/half.hpp"

#include <cmath>
#include <limits>

namespace dynmon {

float from_half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 0x1f;
    const int fraction = bits & 0x3ff;
    float size = 0;
    if (exponent == 0x1f)
        size = fraction == 0 ? std::numeric_limits<float>::infinity()
                             : std::numeric_limits<float>::quiet_NaN();
    else if (exponent == 0)
        size = std::ldexp(static_cast<float>(fraction), -24);
    else
        size = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
    return std::copysign(size, bits & 0x8000 ? -1.0f : 1.0f);
}

std::uint16_t to_half(double value) {
    const unsigned sign = std::signbit(value) ? 0x8000 : 0;
    const double size = std::fabs(value);
    unsigned bits = 0;
    if (std::isnan(value))
        bits = 0x7e00;
    else if (size >= 65520)
        bits = 0x7c00;
    else if (size < 0x1p-14) // no leading one is implied: a carry makes the smallest normal
        bits = static_cast<unsigned>(std::nearbyint(std::ldexp(size, 24)));
    else {
        const int exponent = std::ilogb(size);
        const auto digits = static_cast<unsigned>(std::nearbyint(std::ldexp(size, 10 - exponent)));
        bits = (static_cast<unsigned>(exponent + 15) << 10) + digits - 0x400; // a carry fits too
    }
    return static_cast<std::uint16_t>(sign | bits);
}

} // namespace dynmon
