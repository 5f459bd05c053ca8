// SPDX-License-Identifier: BSD-2-Clause
#include "decode/map_shapes.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <vector>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "decode/decode_plan.hpp"
#include "decode/parameters.hpp"
#include "manifest/manifest.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

// Map types that take the same calls of the same program.
int family(MapType type) {
    switch (type) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
        return 1;
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
        return 2;
    case BPF_MAP_TYPE_QUEUE:
    case BPF_MAP_TYPE_STACK:
        return 3;
    default:
        return 0;
    }
}

const GlobalValue& parameter_value(const std::vector<GlobalValue>& parameters,
                                   const std::string& name) {
    const auto found = std::find_if(parameters.begin(), parameters.end(),
                                    [&](const GlobalValue& value) { return value.name == name; });
    if (found == parameters.end())
        throw Error(ErrorKind::usage, "parameter '" + name + "' has no value")
            .hint("list it under 'parameters' with a 'default'");
    return *found;
}

std::uint64_t number_of(const GlobalValue& value) {
    std::uint64_t number = 0;
    std::memcpy(&number, value.bytes.data(), std::min(value.bytes.size(), sizeof number));
    return number;
}

std::uint32_t product_of(const std::vector<std::string>& factors,
                         const std::vector<GlobalValue>& parameters) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    unsigned __int128 product = 1;
    for (const std::string& factor : factors) {
        const bool number = factor.front() >= '0' && factor.front() <= '9';
        product *= number ? std::stoull(factor) : number_of(parameter_value(parameters, factor));
        if (product == 0 || product > most)
            throw Error(ErrorKind::usage,
                        "'max-entries' becomes " + std::string(product == 0 ? "0" : "too large"))
                .hint("1 to " + std::to_string(most) + " entries are possible");
    }
    return static_cast<std::uint32_t>(product);
}

MapType type_of(const std::string& name, const MapInfo& map, const Object& object,
                const std::vector<GlobalValue>& parameters) {
    const GlobalValue& value = parameter_value(parameters, name);
    const GlobalInfo* global = object.global(name);
    if (global == nullptr || !ParameterType(object, *global).is_map_type())
        throw Error(ErrorKind::usage, "parameter '" + name + "' is no enum bpf_map_type");
    const MapType type = static_cast<MapType>(number_of(value));
    if (type != map.type && (family(type) == 0 || family(type) != family(map.type)))
        throw Error(ErrorKind::usage,
                    "'" + value.text + "' cannot stand for the type that the object has")
            .hint("hash, lru_hash, percpu_hash and lru_percpu_hash stand for each other, and so do "
                  "array and percpu_array, queue and stack");
    return type;
}

const MapInfo& find_map(const MapConfig& config, const Object& object) {
    if (const MapInfo* map = object.map(config.name); map != nullptr && !map->global_data)
        return *map;
    std::vector<std::string> known;
    for (const MapInfo& other : object.maps())
        if (!other.global_data)
            known.push_back(other.name);
    const std::string near = nearest_name(config.name, known);
    throw Error(ErrorKind::usage, "there is none in " + object.path())
        .hint(near.empty() ? "" : "did you mean '" + near + "'?");
}

} // namespace

MapShape resolve_map(const MapConfig& config, const Object& object,
                     const std::vector<GlobalValue>& parameters) {
    return during("map '" + config.name + "'", [&] {
        const MapInfo& map = find_map(config, object);
        MapShape shape{.name = map.name, .type = map.type, .max_entries = map.max_entries};
        if (!config.type.empty())
            shape.type = type_of(config.type, map, object, parameters);
        if (!config.max_entries.empty())
            shape.max_entries = product_of(config.max_entries, parameters);
        return shape;
    });
}

std::vector<MapShape> resolve_maps(const Manifest& manifest, const Object& object,
                                   const std::vector<GlobalValue>& parameters) {
    std::vector<MapShape> shapes;
    for (const MapConfig& config : manifest.maps)
        shapes.push_back(resolve_map(config, object, parameters));
    return shapes;
}

MapInfo shaped(MapInfo map, const std::vector<MapShape>& shapes) {
    for (const MapShape& shape : shapes)
        if (shape.name == map.name) {
            map.type = shape.type;
            map.max_entries = shape.max_entries;
        }
    return map;
}

namespace {

constexpr std::size_t most_offered = 10'000;

// Without making the paths, which for a large array are as many as the layout may have.
std::size_t count_leaves(const Layout& field) {
    if (is_scalar(field))
        return 1;
    std::size_t count = 0;
    for (const Layout& inner : field.fields)
        count += count_leaves(inner);
    return field.kind == Layout::Kind::array ? count * field.count : count;
}

} // namespace

bool is_number(const Layout& field) {
    switch (field.semantic) {
    case Semantic::ipv4:
    case Semantic::ipv6:
    case Semantic::ip:
    case Semantic::mac:
    case Semantic::text:
        return false;
    default:
        return holds_number(field) && field.size <= 8;
    }
}

bool is_integer(const Layout& field) {
    return is_number(field) && field.kind != Layout::Kind::real;
}

std::string_view below_root(std::string_view path) {
    path.remove_prefix(std::min(path.find_first_of(".["), path.size()));
    return path.starts_with('.') ? path.substr(1) : path;
}

std::string field_hint(const Layout& layout, std::string_view root, const std::string& path) {
    std::vector<std::string> known;
    if (count_leaves(layout) > most_offered)
        return "";
    for (const std::string& leaf : leaf_paths(layout))
        known.push_back(std::string(root) + (leaf.empty() || leaf[0] == '[' ? "" : ".") + leaf);
    const std::string near = nearest_name(path, known);
    if (!near.empty())
        return "did you mean '" + near + "'?";
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(known.size(), 10); ++i)
        list += (i > 0 ? ", " : "") + known[i];
    return known.empty() ? "it has no fields"
                         : "its fields are " + list + (known.size() > 10 ? ", …" : "");
}

} // namespace dynmon
