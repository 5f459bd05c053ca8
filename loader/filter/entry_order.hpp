// SPDX-License-Identifier: BSD-2-Clause
// The order of --sort: entries compared by some of their fields, exactly and as raw bytes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "filter/field_ref.hpp"
#include "filter/field_value.hpp"

namespace dynmon {

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
