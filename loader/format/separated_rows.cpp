// SPDX-License-Identifier: BSD-2-Clause
#include "format/separated_rows.hpp"

#include <optional>
#include <set>

#include "base/error.hpp"
#include "format/export_options.hpp"
#include "format/rows.hpp"

namespace dynmon {

namespace {

// What spreadsheets take for the begin of a formula.
constexpr std::string_view formula_starts = "=+-@\t\r";

class SeparatedRows final : public Exporter {
public:
    SeparatedRows(const ExportOptions& options, const Dialect& dialect, Sink& sink)
        : dialect_(dialect), name_(options.format->name),
          style_(options.raw ? Style::raw : Style::decoded), safe_(options.csv_safe),
          added_(options.added), constants_(options), sink_(sink) {}

    void prepare(const std::vector<const MetricView*>& metrics) override {
        std::set<std::string> tables;
        std::set<std::string> names;
        std::string list;
        for (const MetricView* metric : metrics) {
            require_added(added_, *metric);
            const Columns columns(*metric, style_, dialect_.separator);
            std::string header;
            for (const std::string& name : columns.names())
                add_cell(name, header);
            tables.insert(header);
            if (names.insert(metric->name).second)
                list += (list.empty() ? "'" : ", '") + metric->name + "'";
        }
        if (tables.size() > 1)
            throw Error(ErrorKind::usage, name_ +
                                              " is one table, and these are metrics with columns "
                                              "of their own: " +
                                              list)
                .hint("name one of them behind the monitor, or use --format jsonl");
    }

    void counts_at(const std::vector<CountingPlace>& places) override {
        constants_.counts_at(places);
    }

    // A map on its own belongs to no monitor: it has no direction and no window.
    void begin_document(const std::string& monitor, const Window& window) override {
        in_monitor_ = !monitor.empty();
        constants_.begin_document(monitor, window);
    }

    void begin_metric(const MetricView& metric) override {
        columns_.emplace(metric, style_, dialect_.separator);
        start_of_row_.clear();
        std::string header;
        const auto add = [&](const std::vector<RowConstant>& constants) {
            for (const RowConstant& constant : constants) {
                add_cell(constant.name, header);
                add_cell(constant.kind == RowConstant::Kind::text ? safe(constant.value)
                                                                  : constant.value,
                         start_of_row_);
            }
        };
        add(constants_.source(metric.direction));
        if (in_monitor_)
            add({{"direction", to_string(metric.direction)}});
        add({{"metric", metric.name}});
        add(constants_.window());
        add(constants_.added());
        for (const std::string& name : columns_->names())
            add_cell(name, header);
        header.erase(0, 1);
        start_of_row_.erase(0, 1);
        start_of_row_.append(Cursor::block, '\0'); // read as whole blocks
        print_header(metric, header);
    }

    void entries(const Batch& batch) override {
        Cursor cursor(sink_.buffer());
        columns_->for_each_row(batch, [&](const Columns::Row& row) {
            cursor.put_blocks(start_of_row_.data(), start_of_row_.size() - Cursor::block);
            columns_->append_row(row, cursor, [&](std::size_t column) {
                cursor.put({&dialect_.separator, 1});
                append_quoted(column, row, cursor);
            });
            cursor.reserve(dialect_.end_of_line.size());
            for (const char c : dialect_.end_of_line)
                cursor.put(c);
            sink_.spill();
        });
        cursor.finish();
        sink_.spill();
    }

    void end_metric(std::uint64_t) override { columns_.reset(); }
    void end_document() override { sink_.spill(); }

private:
    // With a separator in front.
    void add_cell(std::string_view text, std::string& out) const {
        out += dialect_.separator;
        const std::size_t start = out.size();
        out += text;
        dialect_.make_cell(start, out);
    }

    bool would_run(std::string_view text) const {
        return safe_ && !text.empty() && formula_starts.find(text[0]) != std::string_view::npos;
    }
    std::string safe(const std::string& text) const { return would_run(text) ? '\'' + text : text; }

    void append_quoted(std::size_t column, const Columns::Row& row, Cursor& to) {
        cell_.clear();
        columns_->append(column, row, cell_);
        if (would_run(cell_))
            cell_.insert(cell_.begin(), '\'');
        dialect_.make_cell(0, cell_);
        to.put(cell_);
    }

    void print_header(const MetricView& metric, const std::string& header) {
        if (header == sink_.header())
            return;
        if (!sink_.header().empty())
            throw Error(ErrorKind::usage, name_ + " is one table, and metric '" + metric.name +
                                              "' has other columns than the rows before it")
                .hint("read again into another file, or use --format jsonl");
        sink_.buffer() += header;
        sink_.buffer() += dialect_.end_of_line;
        sink_.header() = header;
    }

    const Dialect& dialect_;
    std::string name_; // of the format
    Style style_;
    bool safe_;
    std::vector<std::pair<std::string, std::string>> added_;
    RowConstants constants_;
    Sink& sink_;
    bool in_monitor_ = false;
    std::string start_of_row_;
    std::string cell_;
    std::optional<Columns> columns_;
};

} // namespace

std::unique_ptr<Exporter> make_separated_rows(const ExportOptions& options, const Dialect& dialect,
                                              Sink& sink) {
    return std::make_unique<SeparatedRows>(options, dialect, sink);
}

} // namespace dynmon
