// SPDX-License-Identifier: BSD-2-Clause
// Whether what a program changes atomically stands on a multiple of its size in memory. Pure.
//
// x86 does it anyway, slowly; arm64 ends the kernel with an alignment fault. The verifier looks at
// the place within the value only and takes it that values begin on a multiple of 8, which those of
// an LPM trie do not.
#pragma once

#include <cstdint>
#include <string>

namespace dynmon {

struct MapInfo;
class Object;
struct ProgramInfo;

// By how many bytes a value of the map begins behind a multiple of 8 in the kernel's memory.
std::uint32_t value_misalignment(const MapInfo& map);

// "" or a sentence that names program, map and field.
std::string alignment_problem(const Object& object, const ProgramInfo& program);
inline constexpr const char* alignment_hint =
    "keep the counter in a hash, an array or a per-CPU map, in a struct that is not packed";

} // namespace dynmon
