// SPDX-License-Identifier: BSD-2-Clause
// Where the types of a map's key and value are written down.
#pragma once

#include <map>
#include <string>

#include "btf/layout.hpp"
#include "kernel/bpf.hpp"
#include "manifest/words.hpp"
#include "object/btf_ptr.hpp"
#include "source/find_map.hpp"

namespace dynmon {

struct MapTypes {
    std::string name; // as in C where that is known; the kernel keeps 15 characters
    BtfPtr btf;       // empty: no types
    std::uint32_t key_id = 0;
    std::uint32_t value_id = 0;
    std::uint32_t inner_key_id = 0; // of the maps within an array or hash of maps
    std::uint32_t inner_value_id = 0;
    std::string missing; // why there are no types; "": there are
    // What the manifest says of a map of dynmon.
    Formats formats;
    std::optional<Merge> merge; // unset: the manifest does not say
    std::map<std::string, Merge> merge_fields;
    bool of_monitor = false; // they are from the record of a monitor
};

// From the first of these that knows the map: the object `object_path` ("" for none), the record of
// dynmon beside the pin, the BTF that the kernel keeps for the map, that of a program which uses
// it. The definition in a program or object also has what the kernel does not keep: queues, rings,
// maps of maps. Throws Error{usage} when the object does not say what the map is: it has none of
// that name and those sizes, or several.
MapTypes types_of_map(const MapFacts& facts, const FoundMap& map, const std::string& object_path);

// The same for the maps within an array or hash of maps, by the definition of that one.
MapTypes types_of_inner_maps(const MapTypes& outer, const MapFacts& inner);

// A copy of the types, for a second owner.
MapTypes copy_types(const MapTypes& types);

Layout key_layout(const MapTypes& types, const MapFacts& facts);
Layout value_layout(const MapTypes& types, const MapFacts& facts);
// The same for types that the caller owns; 0: no type.
Layout key_layout(const btf* types, std::uint32_t type_id, const MapFacts& facts,
                  const Formats& formats);
Layout value_layout(const btf* types, std::uint32_t type_id, const MapFacts& facts,
                    const Formats& formats);

// Calls `visit` for each program that uses the map, until it returns true. Needs CAP_SYS_ADMIN;
// without it there are none.
template <typename Visit>
void for_each_user(std::uint32_t map_id, Visit&& visit) {
    for (auto id = next_program_id(0); id; id = next_program_id(*id)) {
        const Fd program = try_open_program(*id);
        if (!program)
            continue;
        const ProgramFacts facts = program_facts(program);
        for (const std::uint32_t used : facts.map_ids)
            if (used == map_id && visit(facts))
                return;
    }
}

} // namespace dynmon
