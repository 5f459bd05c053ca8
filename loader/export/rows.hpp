// The rows of a metric: one an entry, its CPUs merged, or one an entry and CPU where they are
// apart.
#pragma once

#include <optional>
#include <vector>

#include "export/exporter.hpp"

namespace dynmon {

// Valid until the next one.
struct Row {
    const std::byte* key = nullptr;
    const std::byte* value = nullptr; // of one CPU, or merged
    std::size_t cpu = 0;
};

class Rows {
public:
    // `metric` must outlive it.
    explicit Rows(const MetricView& metric);

    bool with_cpu() const { return with_cpu_; } // a row is of one CPU

    template <typename Visit>
    void for_each(const Batch& batch, Visit&& visit) {
        for (std::size_t i = 0; i < batch.count; ++i) {
            Row row = first_row(batch, i);
            if (!with_cpu_) {
                visit(row);
                continue;
            }
            for (; row.cpu < metric_.cpus; ++row.cpu, row.value += cpu_stride(metric_))
                visit(row);
        }
    }

private:
    Row first_row(const Batch& batch, std::size_t entry); // of the first CPU, or merged

    const MetricView& metric_;
    bool with_cpu_ = false;
    std::optional<MergePlan> merge_;
    std::vector<std::byte> merged_;
};

} // namespace dynmon
