// SPDX-License-Identifier: BSD-2-Clause
// The kind of a map, as a number and by name: a kernel may have more of them than the header that
// dynmon was built with, and enum bpf_map_type may hold no others.
#pragma once

#include <cstdint>
#include <string>

#include <linux/bpf.h>

namespace dynmon {

using MapType = std::uint32_t; // enum bpf_map_type

// Every entry is always there; the key is its number.
inline bool is_array_like(MapType type) {
    return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

// What the kinds of maps are called, whatever libbpf dynmon was built with.

// A hash that grows and shrinks (Linux 7.2), which older headers do not name.
inline constexpr MapType rhash_type = 35; // BPF_MAP_TYPE_RHASH

// The first number that this version of dynmon has no name for.
inline constexpr MapType first_unknown_type = rhash_type + 1;

// "percpu_hash", as bpftool calls it; "number 99" for a type that dynmon does not know.
std::string map_type_name(MapType type);

} // namespace dynmon
