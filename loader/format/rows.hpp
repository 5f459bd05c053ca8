// SPDX-License-Identifier: BSD-2-Clause
// The rows of a metric: one an entry, its CPUs merged, or one an entry and CPU where they are
// apart.
#pragma once

#include "format/merged_metric.hpp"

namespace dynmon {

// Valid until the next one.
struct Row {
    const std::byte* key = nullptr;
    const std::byte* value = nullptr; // of one CPU, or merged
    std::size_t cpu = 0;
};

class Rows {
public:
    explicit Rows(const MetricView& metric);

    bool with_cpu() const { return cpus_ > 0; } // a row is of one CPU
    // What the rows are of: its value is that of one CPU, or merged.
    const MetricView& view() const { return merged_.view(); }

    template <typename Visit>
    void for_each(const Batch& raw, Visit&& visit) {
        const Batch batch = merged_.merge(raw);
        for (std::size_t i = 0; i < batch.count; ++i) {
            Row row{batch.keys ? batch.keys + i * batch.key_stride : nullptr,
                    batch.values + i * batch.value_stride, 0};
            if (!with_cpu()) {
                visit(row);
                continue;
            }
            for (; row.cpu < cpus_; ++row.cpu, row.value += stride_)
                visit(row);
        }
    }

private:
    MergedMetric merged_;
    std::size_t cpus_; // that are kept apart
    std::size_t stride_;
};

} // namespace dynmon
