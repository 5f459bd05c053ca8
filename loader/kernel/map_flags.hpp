// SPDX-License-Identifier: BSD-2-Clause
// The flags that a map was made with: what they are called, and which of them a reader that looks
// into the memory of a map knows.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/bpf.hpp"

namespace dynmon {

// The newest header has names for them; dynmon is built with old ones too.
inline constexpr std::uint32_t stack_build_id = 1u << 5;   // values are build ids, not addresses
inline constexpr std::uint32_t ring_overwrites = 1u << 19; // BPF_F_RB_OVERWRITE

// Flags of the map that dynmon does not know to leave the memory of such a map as it is used to
// it: of a ring buffer or perf event array its records, of any other map its values. 0: none.
//
// What is read by look-ups does not depend on them, as the kernel does the reading.
std::uint32_t strange_flags(const MapFacts& facts);

// Flags that the kernel gives to a map of this type by itself.
std::uint32_t flags_of_kernel(MapType type);

// How many entries libbpf and the kernel make of those that such a map asks for.
std::uint32_t entries_of_kernel(MapType type, std::uint32_t flags, std::uint32_t entries);

// "BPF_F_MMAPABLE, flag 0x100000"
std::string flag_names(std::uint32_t flags);

} // namespace dynmon
