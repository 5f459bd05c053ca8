// SPDX-License-Identifier: BSD-2-Clause
// What the operations behind print_slow() share: clocks, half precision, names of protocols.
#pragma once

#include <cstdint>

#include "decode/scalar.hpp"

namespace dynmon {

// An integer of up to 64 bits, sign-extended, in the host's order.
std::uint64_t load_word(const Scalar& scalar, const std::byte* root);

// A number where a name is missing.
void put_nameless(const Scalar& scalar, const std::byte* root, Cursor& to, bool json);

// Op::time, duration and boot_time, for JSON with their quotes.
void put_clock(const Scalar& scalar, const std::byte* root, Cursor& to, bool json);

// Half precision (IEEE 754 binary16), which the compiler's C++ has no type for.

float from_half(std::uint16_t bits); // exact
std::uint16_t to_half(double value); // the nearest, to even; infinity beyond 65504

} // namespace dynmon
