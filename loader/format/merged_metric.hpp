// SPDX-License-Identifier: BSD-2-Clause
// The copies of a per-CPU value as one: the one place where they are merged, in front of whatever
// prints, stores or compares them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "decode/decode_plan.hpp"
#include "format/exporter.hpp"

namespace dynmon {

class MergedMetric {
public:
    // Throws Error{usage} where the rules do not fit the value. A metric that is not per CPU, or
    // whose CPUs are to be kept apart, stays as it is.
    explicit MergedMetric(const MetricView& metric);

    // With one value, of no CPU, in which every sum has room: its layout is not the map's.
    const MetricView& view() const { return view_; }
    // Valid until the next one.
    Batch merge(const Batch& batch);

private:
    std::size_t cpus_;
    std::size_t stride_;
    MetricView view_;
    std::optional<MergePlan> plan_;
    std::vector<std::byte> values_;
};

// In front of an exporter that is to see merged values.
std::unique_ptr<Exporter> merge_for(std::unique_ptr<Exporter> exporter);

} // namespace dynmon
