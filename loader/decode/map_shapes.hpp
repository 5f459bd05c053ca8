// SPDX-License-Identifier: BSD-2-Clause
// `maps:` of a manifest: types and sizes of maps that parameters decide; and the fields that a
// metric shows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/map_type.hpp"
#include "btf/layout.hpp"
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

// What the fields of a map are good for in a metric, and how a message offers them.

bool is_number(const Layout& field);  // can be added up and compared: neither an address nor a text
bool is_integer(const Layout& field); // a number without a fraction
std::string_view below_root(std::string_view path); // the part behind "key" or "value"
// "did you mean …?", or the fields of `layout`, whose paths begin with `root`; "" when they are too
// many.
std::string field_hint(const Layout& layout, std::string_view root, const std::string& path);

} // namespace dynmon
