// The kind of a map, as a number: a kernel may have more of them than the header that dynmon was
// built with, and enum bpf_map_type may hold no others.
#pragma once

#include <cstdint>

#include <linux/bpf.h>

namespace dynmon {

using MapType = std::uint32_t; // enum bpf_map_type

} // namespace dynmon
