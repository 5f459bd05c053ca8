// SPDX-License-Identifier: BSD-2-Clause
// dynmon/map.hpp, on top of what the loader itself reads maps with.
#include "dynmon/map.hpp"

#include <utility>

#include "dynmon/error.hpp"
#include "format/export_options.hpp"
#include "source/typed_map.hpp"

namespace dynmon {

Map::Map(TypedMap map) : map_(std::make_unique<TypedMap>(std::move(map))) {}
Map::Map(Map&&) noexcept = default;
Map& Map::operator=(Map&&) noexcept = default;
Map::~Map() = default;

Map Map::pinned(const std::string& path, const std::string& object) {
    return Map(TypedMap::pinned(path, object));
}

Map Map::by_id(std::uint32_t id, const std::string& object) {
    return Map(TypedMap::by_id(id, object));
}

Map Map::by_name(const std::string& name, const std::string& object) {
    return Map(TypedMap::by_name(name, object));
}

std::string Map::name() const {
    return map_->facts().name;
}

std::uint32_t Map::id() const {
    return map_->facts().id;
}

std::uint32_t Map::max_entries() const {
    return map_->facts().max_entries;
}

std::string Map::untyped() const {
    return map_->untyped();
}

void Map::for_each(const std::function<void(std::string_view, std::string_view)>& visit) const {
    map_->for_each(visit);
}

void Map::write(int descriptor, std::string_view format, const std::string& where) const {
    ExportOptions options{.format = format_of(format)};
    if (!options.format->of_maps)
        throw Error(ErrorKind::usage, "a map is not written as '" + std::string(format) + "'");
    options.where = where;
    Sink sink(descriptor);
    map_->print(options, Take::look, sink);
}

} // namespace dynmon
