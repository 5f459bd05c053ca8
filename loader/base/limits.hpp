// SPDX-License-Identifier: BSD-2-Clause
// Bounds that keep a hostile or broken input from costing more than it may.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dynmon::limits {

inline constexpr std::size_t manifest_bytes = 1u << 20;
inline constexpr std::size_t manifest_depth = 32;
inline constexpr std::size_t object_bytes = 8u << 20;
inline constexpr std::size_t btf_bytes = 4u << 20;
inline constexpr std::size_t kernel_btf_bytes = 64u << 20; // that of a kernel has 5 to 12 MiB
inline constexpr std::size_t programs = 64;
inline constexpr std::size_t maps = 8192;  // of an object; a program uses 64 at most
inline constexpr std::size_t metrics = 64; // of a monitor; the state has a bit for each
inline constexpr std::size_t labels = 16;
inline constexpr std::size_t buckets = 512; // of a histogram
inline constexpr std::size_t layout_depth = 32;
inline constexpr std::size_t layout_nodes = 65'536; // after expanding nested structs
inline constexpr std::size_t array_elements = 65'536;
// In the print of one value: arrays of empty structs and of unions make many out of nothing.
inline constexpr std::uint64_t printed_fields = 1u << 24;
inline constexpr std::uint32_t chain_slots = 128;    // entries of a hook's PROG_ARRAY
inline constexpr std::uint32_t tail_calls = 33;      // the kernel's limit per packet
inline constexpr std::size_t unread_generations = 8; // replaced, but not yet read

} // namespace dynmon::limits
