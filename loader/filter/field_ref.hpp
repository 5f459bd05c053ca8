// SPDX-License-Identifier: BSD-2-Clause
// Fields of an entry as people name them: "key.dport", "value.ports[2]", or just "dport" where only
// one of key and value has it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "btf/layout.hpp"

namespace dynmon {

struct EntryTypes {
    const Layout* key = nullptr; // none for queue and stack
    const Layout* value = nullptr;
};

struct FieldPlace {
    bool in_key = false;
    std::string path; // below the key or the value: "ports[2]"
    std::string full() const;
};

// A field that prints as one value. Through an array without an index it is every element.
struct FieldRef {
    struct Loop {
        std::uint32_t count = 0;
        std::uint32_t stride = 0;
    };
    bool in_key = false;
    std::string path;        // "value.ports"
    Layout field;            // where it lies in the first elements
    std::vector<Loop> loops; // of the arrays without an index, outermost first
};

// Both throw Error{usage} with the nearest name as hint for a path that leads nowhere or to two
// places; resolve_field() also for one that leads to a struct.
FieldPlace locate_field(const EntryTypes& types, std::string_view path);
FieldRef resolve_field(const EntryTypes& types, std::string_view path);

} // namespace dynmon
