// SPDX-License-Identifier: BSD-2-Clause
// Half precision (IEEE 754 binary16), which the compiler's C++ has no type for.
#pragma once

#include <cstdint>

namespace dynmon {

float from_half(std::uint16_t bits); // exact
std::uint16_t to_half(double value); // the nearest, to even; infinity beyond 65504

} // namespace dynmon
