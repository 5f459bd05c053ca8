// SPDX-License-Identifier: BSD-2-Clause
#include "source/map_definition.hpp"

#include <algorithm>
#include <string_view>

#include <bpf/btf.h>

namespace dynmon {

namespace {

constexpr std::size_t kept_characters = BPF_OBJ_NAME_LEN - 1;

const btf_type* type_of(const btf* types, std::uint32_t id) {
    const int bare = btf__resolve_type(types, id);
    return bare < 0 ? nullptr : btf__type_by_id(types, static_cast<__u32>(bare));
}

// The type that a member like `__type(value, struct x)` points to; 0: there is no such member.
std::uint32_t pointee(const btf* types, const btf_type* definition, std::string_view name) {
    const auto* members = btf_members(definition);
    for (int i = 0; i < btf_vlen(definition); ++i) {
        if (btf__name_by_offset(types, members[i].name_off) != name)
            continue;
        const btf_type* type = btf__type_by_id(types, members[i].type);
        if (type != nullptr && btf_is_array(type)) // __array(values, …)
            type = btf__type_by_id(types, btf_array(type)->type);
        return type != nullptr && btf_is_ptr(type) ? type->type : 0;
    }
    return 0;
}

MapDefinition read_definition(const btf* types, std::string name, std::uint32_t type_id) {
    MapDefinition result{.name = std::move(name)};
    const btf_type* type = type_of(types, type_id);
    if (type == nullptr || !btf_is_struct(type))
        return result;
    result.key_id = pointee(types, type, "key");
    result.value_id = pointee(types, type, "value");
    const std::uint32_t inner_id = pointee(types, type, "values");
    const btf_type* inner = inner_id == 0 ? nullptr : type_of(types, inner_id);
    if (inner != nullptr && btf_is_struct(inner)) {
        result.inner_key = pointee(types, inner, "key");
        result.inner_value = pointee(types, inner, "value");
    }
    return result;
}

// `kept`: the name in the kernel; `whole` goes on from there, or says nothing.
bool is_named(std::string_view name, std::string_view kept, std::string_view whole) {
    if (kept.size() < kept_characters)
        return name == kept;
    return name.starts_with(kept) && (!whole.starts_with(kept) || name == whole);
}

template <typename Wanted>
std::vector<MapDefinition> find_maps(const btf* types, Wanted&& wanted) {
    std::vector<MapDefinition> found;
    const int id = btf__find_by_name_kind(types, ".maps", BTF_KIND_DATASEC);
    if (id < 0)
        return found;
    const btf_type* section = btf__type_by_id(types, static_cast<__u32>(id));
    for (int i = 0; i < btf_vlen(section); ++i) {
        const btf_type* variable = btf__type_by_id(types, btf_var_secinfos(section)[i].type);
        if (variable == nullptr || !btf_is_var(variable))
            continue;
        const char* name = btf__name_by_offset(types, variable->name_off);
        if (wanted(std::string_view(name)))
            found.push_back(read_definition(types, name, variable->type));
    }
    return found;
}

// Global data is called "object.bss", and a section of another name by that name alone.
std::vector<MapDefinition> find_sections(const btf* types, const std::string& kept) {
    std::vector<MapDefinition> found;
    const std::size_t dot = kept.find('.');
    if (dot == std::string::npos)
        return found;
    const std::string_view name = std::string_view(kept).substr(dot);
    for (std::uint32_t id = 1; id < btf__type_cnt(types); ++id) {
        const btf_type* type = btf__type_by_id(types, id);
        if (!btf_is_datasec(type))
            continue;
        const std::string_view section = btf__name_by_offset(types, type->name_off);
        if (section == name || (kept.size() == kept_characters && section.starts_with(name)))
            found.push_back({.name = kept, .value_id = id});
    }
    return found;
}

// "", or that a type has another size than the map says.
std::string size_misfit(const btf* types, std::uint32_t id, std::uint32_t size, const char* what) {
    const std::int64_t defined = id == 0 ? size : btf__resolve_size(types, id);
    if (defined == size)
        return "";
    return std::string("has ") + what + " of " + std::to_string(defined) + " bytes, the map of " +
           std::to_string(size);
}

bool holds_descriptors(MapType type) {
    return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

} // namespace

std::vector<MapDefinition> find_definitions(const btf* types, const MapFacts& facts,
                                            const std::string& whole_name) {
    std::vector<MapDefinition> found = find_sections(types, facts.name);
    if (found.empty())
        found = find_maps(types, [&](std::string_view name) {
            return is_named(name, facts.name.empty() ? whole_name : facts.name, whole_name);
        });
    for (MapDefinition& definition : found)
        if (holds_descriptors(facts.type)) // whatever its definition says
            definition.value_id = 0;
    const auto unlike = [&](const MapDefinition& definition) {
        return !misfit(types, definition, facts).empty();
    };
    if (!std::all_of(found.begin(), found.end(), unlike))
        std::erase_if(found, unlike);
    return found;
}

std::vector<MapDefinition> all_definitions(const btf* types) {
    return find_maps(types, [](std::string_view) { return true; });
}

std::optional<MapDefinition> definition_named(const btf* types, const std::string& name) {
    std::vector<MapDefinition> found =
        find_maps(types, [&](std::string_view other) { return other == name; });
    return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::string misfit(const btf* types, const MapDefinition& definition, const MapFacts& facts) {
    const std::string key = facts.key_size == 0 // a queue or ring
                                ? ""
                                : size_misfit(types, definition.key_id, facts.key_size, "keys");
    return key.empty() ? size_misfit(types, definition.value_id, facts.value_size, "values") : key;
}

} // namespace dynmon
