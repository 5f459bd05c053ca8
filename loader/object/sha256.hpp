// SPDX-License-Identifier: BSD-2-Clause
// SHA-256 as FIPS 180-4 defines it. https://doi.org/10.6028/NIST.FIPS.180-4
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace dynmon {

std::string sha256_hex(std::span<const std::byte> bytes); // 64 hex digits, lower case

} // namespace dynmon
