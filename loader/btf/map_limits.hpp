// SPDX-License-Identifier: BSD-2-Clause
// What the kernel asks of the definition of a map, checked before the kernel sees it.
#pragma once

#include <string>

namespace dynmon {

struct MapInfo;

// Why no kernel makes such a map, in words that follow its name; "" when that is not known, as for
// a type that dynmon does not know.
std::string map_fault(const MapInfo& map);

inline constexpr const char* map_fault_hint =
    "no kernel makes such a map: change its definition in the program";

} // namespace dynmon
