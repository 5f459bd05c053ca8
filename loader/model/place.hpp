// SPDX-License-Identifier: BSD-2-Clause
// Where a probe has room for a model: what DYNMON_FOREST(NAME, …) of bpf/forest.h leaves in the
// BTF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "btf/layout.hpp"

struct btf;

namespace dynmon {

struct ModelPlace {
    std::string map;               // of the name NAME
    Layout source;                 // the struct that is judged
    std::uint32_t value_bytes = 0; // of the map that holds a model
    std::size_t room = 0;          // nodes
};

// In the order of the types. `types` may be null. Throws Error{usage} for types that lie.
std::vector<ModelPlace> model_places(const btf* types);

// The one called `map`, or, for "", the only one. Throws Error{usage} that says which there are;
// `whose` is "probe 'x'".
ModelPlace find_model_place(const btf* types, const std::string& map, const std::string& whose);

} // namespace dynmon
