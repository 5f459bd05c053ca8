// SPDX-License-Identifier: BSD-2-Clause
// The rows of a metric: one an entry, its CPUs merged, or one an entry and CPU where they are
// apart; their columns, their labels, and the constants that each row has beside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "decode/decode_plan.hpp"
#include "format/exporter.hpp"
#include "format/merged_metric.hpp"
#include "format/series.hpp"

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

// The rows of a metric as cells: key, CPU where CPUs are kept apart, value. For CSV and tables.

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

// The series of some tables with the text of their labels, made once for all families.

using Identity = std::vector<std::pair<std::string, std::string>>; // labels that all samples have

// Rows whose labels read the same are one sample, and chained to each other.
class LabelledRows {
public:
    struct Row {
        std::uint32_t table; // index in the list of tables
        std::uint32_t row;
        std::uint32_t next; // of the same labels; none: the last
        std::uint32_t text_size;
        std::size_t text;
    };
    static constexpr std::uint32_t none = SeriesRows::none;

    // The tables must outlive it.
    LabelledRows(std::vector<const SeriesTable*> tables, const Identity& identity);

    const std::vector<std::uint32_t>& firsts() const { return firsts_; } // one of each label text
    const Row& operator[](std::uint32_t index) const { return rows_[index]; }
    const SeriesTable& table(const Row& row) const { return *tables_[row.table]; }
    // text_size bytes, readable as whole blocks (see Cursor::put_blocks).
    const char* text(const Row& row) const { return texts_.data() + row.text; }

private:
    bool are_distinct() const;
    void chain_equal();

    std::vector<const SeriesTable*> tables_;
    std::string texts_;
    std::vector<Row> rows_;
    std::vector<std::uint32_t> firsts_;
};

// What all rows of a metric have in common: where they come from, and what was added to them. They
// distinguish rows of several hosts, monitors and windows in one file or database.

struct RowConstant {
    enum class Kind { text, number, unknown };
    std::string_view name;
    std::string value;
    Kind kind = Kind::text;
};

class RowConstants {
public:
    explicit RowConstants(const ExportOptions& options);

    // As the functions of Exporter that are called so.
    void counts_at(const std::vector<CountingPlace>& places) { places_ = places; }
    void begin_document(const std::string& monitor, const Window& window);

    // Host, monitor, device and namespace. Nothing for a map on its own, or where the rows are not
    // to say it.
    std::vector<RowConstant> source(Direction direction) const;
    // The sequence number, and behind a source also when the window began and ended. Nothing for a
    // map on its own.
    std::vector<RowConstant> window() const;
    std::vector<RowConstant> added() const;

private:
    bool in_monitor() const { return !monitor_.empty(); }
    RowConstant time(std::string_view name, std::uint64_t ns) const;
    const CountingPlace* place_of(Direction direction) const;

    std::optional<std::string> host_;
    std::vector<std::pair<std::string, std::string>> added_;
    bool raw_;
    bool wide_as_text_;
    std::vector<CountingPlace> places_;
    std::string monitor_;
    Window window_;
};

// Throws Error{usage} for a name that is none, is there twice, or is that of a column or field
// that rows have in any case.
void require_added(const std::vector<std::pair<std::string, std::string>>& added);
// Likewise for the name of a field of `metric`, with or without "key." or "value." before it.
void require_added(const std::vector<std::pair<std::string, std::string>>& added,
                   const MetricView& metric);

} // namespace dynmon
