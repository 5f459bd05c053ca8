// SPDX-License-Identifier: BSD-2-Clause
// The kind of a map, as a number: a kernel may have more of them than the header that dynmon was
// built with, and enum bpf_map_type may hold no others.
#pragma once

#include <cstdint>

#include <linux/bpf.h>

namespace dynmon {

using MapType = std::uint32_t; // enum bpf_map_type

// Every entry is always there; the key is its number.
inline bool is_array_like(MapType type) {
    return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

} // namespace dynmon
