// SPDX-License-Identifier: BSD-2-Clause
#include "filter/entry_order.hpp"

#include "base/error.hpp"

namespace dynmon {

EntryOrder::EntryOrder(const std::vector<std::string>& columns, const EntryTypes& types,
                       std::size_t cpus, std::size_t cpu_stride)
    : cpus_(cpus), cpu_stride_(cpu_stride) {
    for (const std::string& column : columns) {
        const bool descending = column.starts_with('-');
        const FieldRef ref = resolve_field(types, column.substr(descending ? 1 : 0));
        if (!ref.loops.empty())
            throw Error(ErrorKind::usage, "'" + ref.path + "' is an array")
                .hint("name one element: " + ref.path + "[0]");
        if (value_class(ref.field) == ValueClass::opaque)
            throw Error(ErrorKind::usage,
                        "'" + ref.path + "' cannot be seen from outside the kernel");
        terms_.push_back({ref.in_key, descending, FieldValue(ref.field)});
    }
}

int EntryOrder::compare(const std::byte* key_a, const std::byte* value_a, const std::byte* key_b,
                        const std::byte* value_b) const {
    for (const Term& term : terms_) {
        const int order = term.in_key
                              ? term.compare(key_a, key_b)
                              : term.compare(first_cpu(term, value_a), first_cpu(term, value_b));
        if (order != 0)
            return order;
    }
    return 0;
}

const std::byte* EntryOrder::first_cpu(const Term& term, const std::byte* copies) const {
    const std::byte* first = copies;
    for (std::size_t cpu = 1; cpu < cpus_; ++cpu) {
        const std::byte* copy = copies + cpu * cpu_stride_;
        if (term.compare(copy, first) < 0)
            first = copy;
    }
    return first;
}

} // namespace dynmon
