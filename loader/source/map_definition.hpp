// SPDX-License-Identifier: BSD-2-Clause
// The definition of a map in the BTF of a program or object: what the kernel does not keep.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/bpf.hpp"

struct btf;

namespace dynmon {

// A map in .maps, or a section of global data.
struct MapDefinition {
    std::string name;            // as in C
    std::uint32_t key_id = 0;    // 0: no type
    std::uint32_t value_id = 0;  // likewise
    std::uint32_t inner_key = 0; // of the maps within an array or hash of maps
    std::uint32_t inner_value = 0;
};

// The definitions in `types` that may be those of the map. The kernel keeps 15 characters of its
// name, so there can be several; `whole_name` is what its pin or the user calls it, and decides
// where it goes on from what the kernel kept.
std::vector<MapDefinition> find_definitions(const btf* types, const MapFacts& facts,
                                            const std::string& whole_name);

// All of .maps.
std::vector<MapDefinition> all_definitions(const btf* types);

// The definition of exactly that name.
std::optional<MapDefinition> definition_named(const btf* types, const std::string& name);

// Why the definition is not that of the map, in words that follow its name; "" when it may be.
std::string misfit(const btf* types, const MapDefinition& definition, const MapFacts& facts);

} // namespace dynmon
