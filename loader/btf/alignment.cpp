// SPDX-License-Identifier: BSD-2-Clause
#include "btf/alignment.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "btf/layout.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t trie_head = 4; // the length, which a key of a trie begins with

// "counts[3].bytes", by the place in the value; "" for what has no name.
std::string path_at(const Layout& root, std::uint32_t offset) {
    std::string path;
    const Layout* field = &root;
    std::uint32_t moved = 0; // elements know the place of the first one
    for (;;) {
        const std::uint32_t at = offset - moved;
        if (field->kind == Layout::Kind::array && field->stride > 0 && !field->fields.empty()) {
            const std::uint32_t index = (at - field->offset) / field->stride;
            path += "[" + std::to_string(index) + "]";
            moved += index * field->stride;
            field = &field->fields.front();
            continue;
        }
        const auto inner =
            std::find_if(field->fields.begin(), field->fields.end(),
                         [&](const Layout& f) { return at >= f.offset && at < f.offset + f.size; });
        if (inner == field->fields.end())
            return path;
        if (!inner->name.empty())
            path += (path.empty() ? "" : ".") + inner->name;
        field = &*inner;
    }
}

std::string field_text(const Object& object, const MapInfo& map, const AtomicAccess& access) {
    if (access.modulus != 0)
        return "a field";
    const auto offset = static_cast<std::uint32_t>(access.offset);
    std::string path;
    try {
        if (map.value_type_id != 0)
            path = path_at(build_layout(object.types(), map.value_type_id, map.value_size, "value"),
                           offset);
    } catch (const Error&) {
        // types that cannot be shown: the place has to do
    }
    return path.empty() ? "byte " + std::to_string(offset) : "'" + path + "'";
}

bool misaligns(const MapInfo& map, std::uint32_t size) {
    return value_misalignment(map) % size != 0;
}

std::string problem_of(const Object& object, const ProgramInfo& program,
                       const AtomicAccess& access) {
    const std::string who = "program '" + program.name + "' changes ";
    const std::string how = " atomically (" + std::to_string(access.size) + " bytes)";
    if (access.map.empty()) {
        for (const MapInfo& map : object.maps())
            if (misaligns(map, access.size) && map.value_size >= access.size)
                return who + "something" + how + " that cannot be followed and may be in map '" +
                       map.name + "', whose values begin right behind the prefix";
        return "";
    }
    const MapInfo* map = object.map(access.map);
    if (map == nullptr)
        return "";
    const std::string what = who + field_text(object, *map, access) + " of map '" + map->name + "'";
    if (misaligns(*map, access.size))
        return what + how + ": the values of an LPM trie begin right behind the prefix, here " +
               std::to_string(value_misalignment(*map)) + " bytes behind a multiple of 8";
    // With less known of the place, it is for the verifier to say.
    if ((access.modulus == 0 || access.modulus >= access.size) && access.offset % access.size != 0)
        return what + how + ", which does not stand on a multiple of its size" +
               (access.modulus == 0 ? " but at byte " + std::to_string(access.offset) : "");
    return "";
}

} // namespace

// Hashes and arrays round up to 8 (struct htab_elem, struct bpf_array), per-CPU values and storage
// are allocated so. A node of a trie (struct lpm_trie_node) has the bytes of the prefix and then
// the value, with nothing in between.
std::uint32_t value_misalignment(const MapInfo& map) {
    if (map.type != BPF_MAP_TYPE_LPM_TRIE || map.key_size < trie_head)
        return 0;
    return (map.key_size - trie_head) % 8;
}

std::string alignment_problem(const Object& object, const ProgramInfo& program) {
    for (const AtomicAccess& access : program.atomics)
        if (std::string problem = problem_of(object, program, access); !problem.empty())
            return problem;
    return "";
}

} // namespace dynmon
