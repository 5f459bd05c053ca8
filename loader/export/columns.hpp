// The rows of a metric as cells: key, CPU where CPUs are kept apart, value. For CSV and tables.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "export/exporter.hpp"

namespace dynmon {

class Columns {
public:
    // One row; valid until the next one.
    struct Row {
        const std::byte* key = nullptr;
        const std::byte* value = nullptr; // of one CPU, or merged
        std::size_t cpu = 0;
    };

    // `metric` must outlive it.
    Columns(const MetricView& metric, Style style);

    const std::vector<std::string>& names() const { return names_; } // "key.saddr", "cpu", …
    bool numeric(std::size_t column) const;
    bool plain(std::size_t column) const;
    void append(std::size_t column, const Row& row, std::string& out) const;
    void append(std::size_t column, const Row& row, Cursor& out) const;
    // All cells, each with a comma in front; those that are not plain() by `quoted(column)`.
    template <typename Quoted>
    void append_row(const Row& row, Cursor& out, Quoted&& quoted) const {
        for (const Run& run : runs_) {
            if (run.of == Run::key)
                key_->append_row(run.first, run.end, row.key, out);
            else if (run.of == Run::value)
                value_.append_row(run.first - keys_ - with_cpu_, run.end - keys_ - with_cpu_,
                                  row.value, out);
            else
                quoted(run.first);
        }
    }

    // One row an entry, or one row an entry and CPU.
    template <typename Visit>
    void for_each_row(const Batch& batch, Visit&& visit) {
        for (std::size_t i = 0; i < batch.count; ++i) {
            Row row = row_of(batch, i);
            if (!with_cpu_) {
                visit(row);
                continue;
            }
            for (; row.cpu < metric_.cpus; ++row.cpu, row.value += cpu_stride(metric_))
                visit(row);
        }
    }

private:
    Row row_of(const Batch& batch, std::size_t entry); // of the first CPU, or merged
    bool is_key(std::size_t column) const { return column < keys_; }
    bool is_cpu(std::size_t column) const { return column == keys_ && with_cpu_; }
    std::size_t value_column(std::size_t column) const { return column - keys_ - with_cpu_; }

    // Columns in a row that are plain and of one plan, or one column that is not.
    struct Run {
        enum { key, value, other } of;
        std::size_t first;
        std::size_t end;
    };
    void find_runs();

    const MetricView& metric_;
    std::optional<ColumnPlan> key_;
    ColumnPlan value_;
    std::size_t keys_ = 0; // how many columns the key has
    bool with_cpu_ = false;
    std::optional<MergePlan> merge_;
    std::vector<std::byte> merged_;
    std::vector<std::string> names_;
    std::vector<Run> runs_;
};

} // namespace dynmon
