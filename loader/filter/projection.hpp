// SPDX-License-Identifier: BSD-2-Clause
// The part of key and value that --columns asks for, as layouts that every format can print.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "filter/field_ref.hpp"

namespace dynmon {

struct Projection {
    std::optional<Layout> key; // none when no column is of the key
    Layout value;              // without fields when no column is of the value
};

// Keeps the fields at `columns` (a struct with all that is in it), in their order among the members
// of each struct; sizes and offsets stay. An element of an array becomes a field of its own, called
// "ports[2]". Throws Error{usage} for a column that is not there.
Projection project(const EntryTypes& types, const std::vector<std::string>& columns);

} // namespace dynmon
