// SPDX-License-Identifier: BSD-2-Clause
// The format `table`: aligned columns under a title. Rows are kept until all of a table are known.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/map_type.hpp"
#include "base/text.hpp"
#include "decode/text.hpp"
#include "format/export_options.hpp"
#include "format/exporter.hpp"
#include "format/rows.hpp"

namespace dynmon {

// The rows of one printed table, kept until all of them are known and their columns can be aligned.

class TableRows {
public:
    explicit TableRows(const Columns& columns) : columns_(columns) {}

    void add(const Columns::Row& row);
    std::size_t size() const { return rows_.size(); }
    std::vector<std::string_view> cells(std::size_t row) const; // valid as long as the table

private:
    const Columns& columns_;
    std::vector<std::string> rows_; // cells one after the other, each with a separator behind it
};

// Cells that are safe to show on a terminal.

namespace {

constexpr char separator = '\x1f'; // a control character: no printable cell has it

} // namespace

void TableRows::add(const Columns::Row& row) {
    std::string& cells = rows_.emplace_back();
    Cursor cursor(cells);
    std::string text;
    for (std::size_t column = 0; column < columns_.names().size(); ++column) {
        if (columns_.plain(column)) {
            columns_.append(column, row, cursor);
        } else {
            text.clear();
            columns_.append(column, row, text);
            cursor.put(printable_line(text));
        }
        cursor.put(std::string_view(&separator, 1));
    }
    cursor.finish();
}

std::vector<std::string_view> TableRows::cells(std::size_t row) const {
    std::vector<std::string_view> cells;
    std::string_view left = rows_[row];
    while (!left.empty()) {
        const std::size_t end = left.find(separator);
        cells.push_back(left.substr(0, end));
        left.remove_prefix(end + 1);
    }
    return cells;
}

namespace {

std::string without_root(const std::string& name) {
    for (const std::string_view root : {"key.", "value."})
        if (name.starts_with(root))
            return name.substr(root.size());
    return name;
}

// "saddr" for "key.saddr" unless the value has a field of that name too.
std::vector<std::string> short_names(const std::vector<std::string>& names) {
    std::vector<std::string> shortened;
    shortened.reserve(names.size());
    for (const std::string& name : names)
        shortened.push_back(without_root(name));
    std::vector<std::string> result = shortened;
    for (std::size_t i = 0; i < names.size(); ++i)
        if (std::count(shortened.begin(), shortened.end(), shortened[i]) > 1)
            result[i] = names[i];
    return result;
}

std::size_t shown_width(std::string_view text) { // one column a character
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

constexpr std::size_t day_length = 10;   // 2026-11-21
constexpr std::size_t clock_length = 15; // 12:00:00.000000
constexpr std::size_t time_length = 30;  // 2026-11-21T12:00:00.000000000Z

class TableExporter final : public Exporter {
public:
    TableExporter(const ExportOptions& options, Sink& sink)
        : style_(options.raw ? Style::raw : Style::decoded), sink_(sink) {}

    void counts_at(const std::vector<CountingPlace>& places) override { places_ = places; }

    void begin_document(const std::string& monitor, const Window& window) override {
        in_monitor_ = !monitor.empty();
        if (!in_monitor_)
            return;
        char text[longest_text];
        std::string& out = sink_.buffer();
        separate(out);
        out += monitor + "  window " + std::to_string(window.sequence) + "  ";
        date_.assign(text,
                     put_time(text, static_cast<std::int64_t>(window.to_ns / 1'000'000'000), 0));
        date_.resize(day_length + 1); // "2026-11-21T"
        if (window.from_ns == 0) {
            out += "since when is not known";
        } else {
            out.append(text,
                       put_time(text, static_cast<std::int64_t>(window.from_ns / 1'000'000'000),
                                static_cast<std::uint32_t>(window.from_ns % 1'000'000'000)));
            out += "  ";
            const std::uint64_t length = window.to_ns - std::min(window.from_ns, window.to_ns);
            out.append(text, put_duration(text, length, false));
        }
        for (const CountingPlace& place : places_)
            if (place.attached == false)
                out += "  " + place.hook + " is " + place.health + ": nothing is counted there";
        out += '\n';
    }

    void begin_metric(const MetricView& metric) override {
        metric_ = &metric;
        columns_.emplace(metric, style_);
        rows_.emplace(*columns_);
        filtered_ = beyond_ = 0;
    }

    void entries(const Batch& batch) override {
        columns_->for_each_row(batch, [&](const Columns::Row& row) { rows_->add(row); });
    }

    // Counted in entries; a CPU that is kept apart has a row of its own.
    void kept_back(std::uint64_t filtered, std::uint64_t beyond) override {
        const bool with_cpu = metric_->cpus > 0 && metric_->merge == Merge::none;
        const std::uint64_t rows = with_cpu ? metric_->cpus : 1;
        filtered_ = filtered * rows;
        beyond_ = beyond * rows;
    }

    void end_metric(std::uint64_t) override {
        separate(sink_.buffer());
        print_title();
        if (rows_->size() > 0)
            print_rows();
        rows_.reset();
        columns_.reset();
    }

    void end_document() override { sink_.spill(); }

private:
    void separate(std::string& out) {
        if (!first_)
            out += '\n';
        first_ = false;
    }

    void print_title() {
        std::string& out = sink_.buffer();
        out += metric_->name + "  ";
        if (in_monitor_)
            out += std::string(to_string(metric_->direction)) + "  " + metric_->map_name + "  ";
        out += map_type_name(metric_->map_type) + "  ";
        if (metric_->same_as) {
            out += std::string("shown under ") + to_string(*metric_->same_as) + '\n';
            return;
        }
        if (beyond_ > 0)
            out += "top " + std::to_string(rows_->size()) + " of ";
        out += counted(rows_->size() + beyond_, "row");
        if (filtered_ > 0)
            out += ", " + std::to_string(filtered_) + " filtered out";
        out += '\n';
    }

    // A time on the day of the window, to the microsecond: two of them in full fill a screen.
    std::vector<std::string_view> shown_cells(std::size_t row) const {
        std::vector<std::string_view> cells = rows_->cells(row);
        for (std::string_view& cell : cells)
            if (!date_.empty() && cell.size() == time_length && cell.starts_with(date_))
                cell = cell.substr(date_.size(), clock_length);
        return cells;
    }

    void print_rows() {
        const std::vector<std::string> names = short_names(columns_->names());
        const std::vector<std::string_view> header(names.begin(), names.end());
        std::vector<std::size_t> widths(header.size());
        const auto widen = [&](const std::vector<std::string_view>& cells) {
            for (std::size_t i = 0; i < cells.size(); ++i)
                widths[i] = std::max(widths[i], shown_width(cells[i]));
        };
        widen(header);
        for (std::size_t row = 0; row < rows_->size(); ++row)
            widen(shown_cells(row));
        print_line(header, widths);
        for (std::size_t row = 0; row < rows_->size(); ++row)
            print_line(shown_cells(row), widths);
    }

    void print_line(const std::vector<std::string_view>& cells,
                    const std::vector<std::size_t>& widths) {
        std::string& out = sink_.buffer();
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const std::size_t padding = widths[i] - shown_width(cells[i]);
            const bool right = columns_->numeric(i);
            out.append(i == 0 ? 0 : 2, ' ').append(right ? padding : 0, ' ').append(cells[i]);
            if (i + 1 < cells.size())
                out.append(right ? 0 : padding, ' ');
        }
        out.erase(out.find_last_not_of(' ') + 1); // an empty last cell leaves its padding
        out += '\n';
        sink_.spill();
    }

    Style style_;
    Sink& sink_;
    bool first_ = true; // nothing was printed yet
    bool in_monitor_ = false;
    std::vector<CountingPlace> places_;
    std::uint64_t filtered_ = 0; // rows that were kept from it
    std::uint64_t beyond_ = 0;
    const MetricView* metric_ = nullptr;
    std::optional<Columns> columns_;
    std::string date_; // that the window's title has said already
    std::optional<TableRows> rows_;
};

} // namespace

std::unique_ptr<Exporter> make_table_exporter(const ExportOptions& options, Sink& sink) {
    return std::make_unique<TableExporter>(options, sink);
}

} // namespace dynmon
