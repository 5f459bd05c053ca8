// SPDX-License-Identifier: BSD-2-Clause
// What the kinds of maps are called, whatever libbpf dynmon was built with.
#pragma once

#include <string>

#include "base/map_type.hpp"

namespace dynmon {

// A hash that grows and shrinks (Linux 7.2), which older headers do not name.
inline constexpr MapType rhash_type = 35; // BPF_MAP_TYPE_RHASH

// The first number that this version of dynmon has no name for.
inline constexpr MapType first_unknown_type = rhash_type + 1;

// "percpu_hash", as bpftool calls it; "number 99" for a type that dynmon does not know.
std::string map_type_name(MapType type);

} // namespace dynmon
