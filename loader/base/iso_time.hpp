// SPDX-License-Identifier: BSD-2-Clause
// Times as messages and JSON have them.
#pragma once

#include <cstdint>
#include <string>

namespace dynmon {

std::string iso_time(std::uint64_t epoch_ns); // "2026-11-21T01:02:03Z"

} // namespace dynmon
