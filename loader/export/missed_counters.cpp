// SPDX-License-Identifier: BSD-2-Clause
#include "export/missed_counters.hpp"

#include <algorithm>
#include <iterator>

namespace dynmon {

bool MissedCounters::is_one(const MetricView& metric) {
    return metric.name.ends_with("_missed") && metric.merge != Merge::none;
}

void MissedCounters::begin(const MetricView& metric) {
    fields_.clear();
    rows_.emplace(metric);
    const Layout& value = rows_->view().value;
    for (const std::string& path : leaf_paths(value)) {
        const std::unique_ptr<Layout> field = find_field(value, path);
        if (field && field->kind == Layout::Kind::integer && (field->size <= 8 || field->is_sum))
            fields_.emplace_back(path.empty() ? metric.name : path, Field(*field));
    }
}

std::uint64_t& MissedCounters::count(const std::string& name) {
    for (auto& [known, count] : counts_)
        if (known == name)
            return count;
    return counts_.emplace_back(name, 0).second;
}

void MissedCounters::add(const Batch& batch) {
    rows_->for_each(batch, [this](const Row& row) {
        for (const auto& [name, field] : fields_)
            count(name) += field.number(row.value);
    });
}

std::vector<std::pair<std::string, std::uint64_t>> MissedCounters::counts() const {
    std::vector<std::pair<std::string, std::uint64_t>> some;
    std::copy_if(counts_.begin(), counts_.end(), std::back_inserter(some),
                 [](const auto& count) { return count.second != 0; });
    return some;
}

} // namespace dynmon
