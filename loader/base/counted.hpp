// SPDX-License-Identifier: BSD-2-Clause
// "1 flow", "2 flows": a number and what it counts.
#pragma once

#include <cstdint>
#include <string>

namespace dynmon {

inline std::string counted(std::uint64_t number, const char* what) {
    return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

} // namespace dynmon
