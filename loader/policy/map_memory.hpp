// SPDX-License-Identifier: BSD-2-Clause
// How much memory of the kernel the maps of a probe may take. Pure but for the number of CPUs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "decode/map_shapes.hpp"

namespace dynmon {

struct Manifest;
struct MapInfo;
class Object;

// When no policy of the machine says otherwise.
inline constexpr std::uint64_t preset_map_memory = std::uint64_t{4} << 30;

// Of one map when it is full, about: keys, values, on each of `cpus` where it is per CPU, and what
// the kernel keeps beside them.
std::uint64_t map_bytes(const MapInfo& map, std::size_t cpus);

// Throws Error{rejected} with the largest map when all of them, as `shapes` makes them and twice
// where they are swapped, would take more than `limit` bytes.
void require_map_memory(const Manifest& manifest, const Object& object,
                        const std::vector<MapShape>& shapes, std::uint64_t limit);

} // namespace dynmon
