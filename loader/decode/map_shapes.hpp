// SPDX-License-Identifier: BSD-2-Clause
// `maps:` of a manifest: types and sizes of maps that parameters decide.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/map_type.hpp"
#include "decode/parameters.hpp"

namespace dynmon {

struct Manifest;
struct MapConfig;
struct MapInfo;
class Object;

// What a map is made as, in place of what the object says.
struct MapShape {
    std::string name;
    MapType type = BPF_MAP_TYPE_UNSPEC;
    std::uint32_t max_entries = 0;
};

// Throws Error{usage} that names the map when there is none of that name, when a parameter that it
// asks for has no value (resolve_parameters() gives those of the manifest's defaults and of --set)
// or is of another type, when the product is 0 or too large, or when the type is of another kind:
// one hash can stand for another, one array for another, a queue for a stack.
MapShape resolve_map(const MapConfig& config, const Object& object,
                     const std::vector<GlobalValue>& parameters);
std::vector<MapShape> resolve_maps(const Manifest& manifest, const Object& object,
                                   const std::vector<GlobalValue>& parameters);

// `map` as one of `shapes` makes it.
MapInfo shaped(MapInfo map, const std::vector<MapShape>& shapes);

} // namespace dynmon
