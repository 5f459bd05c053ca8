// SPDX-License-Identifier: BSD-2-Clause
// What --columns and --sort ask for: the part of key and value that is shown, as layouts that every
// format can print, and the order of the entries.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "filter/field_ref.hpp"
#include "filter/field_value.hpp"

namespace dynmon {

struct Projection {
    std::optional<Layout> key; // none when no column is of the key
    Layout value;              // without fields when no column is of the value
};

// Keeps the fields at `columns` (a struct with all that is in it), in their order among the members
// of each struct; sizes and offsets stay. An element of an array becomes a field of its own, called
// "ports[2]". Throws Error{usage} for a column that is not there.
Projection project(const EntryTypes& types, const std::vector<std::string>& columns);

// The order of --sort: entries compared by some of their fields, exactly and as raw bytes.

class EntryOrder {
public:
    // `columns`: fields, each with a leading - for descending. `cpus`: values are that many copies,
    // `cpu_stride` bytes apart, of which the one that comes first counts; 0: one value. Throws
    // Error{usage} for a field that is not there or that has no order.
    EntryOrder(const std::vector<std::string>& columns, const EntryTypes& types, std::size_t cpus,
               std::size_t cpu_stride);

    bool empty() const { return terms_.empty(); }
    // Below 0: a comes before b.
    int compare(const std::byte* key_a, const std::byte* value_a, const std::byte* key_b,
                const std::byte* value_b) const;

private:
    struct Term {
        bool in_key;
        bool descending;
        FieldValue field;
        int compare(const std::byte* a, const std::byte* b) const {
            return descending ? field.compare(b, a) : field.compare(a, b);
        }
    };
    const std::byte* first_cpu(const Term& term, const std::byte* copies) const;

    std::vector<Term> terms_;
    std::size_t cpus_;
    std::size_t cpu_stride_;
};

} // namespace dynmon
