// SPDX-License-Identifier: BSD-2-Clause
// The rows of a metric as cells: key, CPU where CPUs are kept apart, value. For CSV and tables.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "decode/decode_plan.hpp"
#include "format/rows.hpp"

namespace dynmon {

class Columns {
public:
    using Row = dynmon::Row;

    // `metric` must outlive it. `separator`: of append_row().
    Columns(const MetricView& metric, Style style, char separator = ',');

    const std::vector<std::string>& names() const { return names_; } // "key.saddr", "cpu", …
    bool numeric(std::size_t column) const;
    bool plain(std::size_t column) const;
    void append(std::size_t column, const Row& row, std::string& out) const;
    void append(std::size_t column, const Row& row, Cursor& out) const;
    // All cells, each with the separator in front; those that are not plain() by `quoted(column)`.
    template <typename Quoted>
    void append_row(const Row& row, Cursor& out, Quoted&& quoted) const {
        for (const Run& run : runs_) {
            if (run.of == Run::key)
                key_->append_row(run.first, run.end, row.key, separator_, out);
            else if (run.of == Run::value)
                value_.append_row(value_column(run.first), value_column(run.end), row.value,
                                  separator_, out);
            else
                quoted(run.first);
        }
    }

    template <typename Visit>
    void for_each_row(const Batch& batch, Visit&& visit) {
        rows_.for_each(batch, std::forward<Visit>(visit));
    }

private:
    bool is_key(std::size_t column) const { return column < keys_; }
    bool is_cpu(std::size_t column) const { return column == keys_ && rows_.with_cpu(); }
    std::size_t value_column(std::size_t column) const { return column - keys_ - rows_.with_cpu(); }

    // Columns in a row that are plain and of one plan, or one column that is not.
    struct Run {
        enum { key, value, other } of;
        std::size_t first;
        std::size_t end;
    };
    void find_runs();

    Rows rows_;
    std::optional<ColumnPlan> key_;
    ColumnPlan value_;
    char separator_;
    std::size_t keys_ = 0; // how many columns the key has
    std::vector<std::string> names_;
    std::vector<Run> runs_;
};

} // namespace dynmon
