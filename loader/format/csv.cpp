// The `csv` exporter: RFC 4180 with a header. Metrics with the same columns share one table; others
// start a new one after an empty line, with a header of its own.
#include <optional>

#include "format/columns.hpp"
#include "format/line_formats.hpp"

namespace dynmon {

namespace {

constexpr std::string_view end_of_line = "\r\n";

// Puts quotes around what was appended from `start` on, if it needs them.
void quote_from(std::size_t start, std::string& out) {
    if (out.find_first_of(",\"\r\n", start) == std::string::npos)
        return;
    std::string quoted = "\"";
    for (std::size_t i = start; i < out.size(); ++i)
        quoted.append(out[i] == '"' ? 2 : 1, out[i]);
    out.replace(start, std::string::npos, quoted + '"');
}

// What spreadsheets take for the begin of a formula.
constexpr std::string_view formula_starts = "=+-@\t\r";

class CsvExporter final : public Exporter {
public:
    CsvExporter(const ExportOptions& options, Sink& sink)
        : style_(options.raw ? Style::raw : Style::decoded), safe_(options.csv_safe), sink_(sink) {}

    // A map on its own belongs to no monitor: it has no direction and no window.
    void begin_document(const std::string& monitor, const Window& window) override {
        in_monitor_ = !monitor.empty();
        sequence_ = std::to_string(window.sequence);
    }

    void begin_metric(const MetricView& metric) override {
        columns_.emplace(metric, style_);
        start_of_row_.clear();
        std::string header;
        if (in_monitor_) {
            header = "direction,metric,sequence";
            start_of_row_ = std::string(to_string(metric.direction)) + ',';
            add_cell(metric.name, start_of_row_);
            start_of_row_ += ',' + sequence_;
        } else {
            header = "metric";
            add_cell(metric.name, start_of_row_);
        }
        for (const std::string& name : columns_->names()) {
            header += ',';
            add_cell(name, header);
        }
        start_of_row_.append(Cursor::block, '\0'); // read as whole blocks
        print_header(header);
    }

    void entries(const Batch& batch) override {
        Cursor cursor(sink_.buffer());
        columns_->for_each_row(batch, [&](const Columns::Row& row) {
            cursor.put_blocks(start_of_row_.data(), start_of_row_.size() - Cursor::block);
            columns_->append_row(row, cursor, [&](std::size_t column) {
                cursor.put(",");
                append_quoted(column, row, cursor);
            });
            cursor.reserve(end_of_line.size());
            cursor.put(end_of_line[0]);
            cursor.put(end_of_line[1]);
            sink_.spill();
        });
        cursor.finish();
        sink_.spill();
    }

    void end_metric(std::uint64_t) override { columns_.reset(); }
    void end_document() override { sink_.spill(); }

private:
    static void add_cell(const std::string& text, std::string& out) {
        const std::size_t start = out.size();
        out += text;
        quote_from(start, out);
    }

    void append_quoted(std::size_t column, const Columns::Row& row, Cursor& to) {
        cell_.clear();
        columns_->append(column, row, cell_);
        if (safe_ && !cell_.empty() && formula_starts.find(cell_[0]) != std::string_view::npos)
            cell_.insert(cell_.begin(), '\'');
        quote_from(0, cell_);
        to.put(cell_);
    }

    void print_header(const std::string& header) {
        if (header == header_)
            return;
        std::string& out = sink_.buffer();
        if (!header_.empty())
            out += end_of_line;
        out += header;
        out += end_of_line;
        header_ = header;
    }

    Style style_;
    bool safe_;
    Sink& sink_;
    bool in_monitor_ = false;
    std::string sequence_;
    std::string header_; // of the table that is open
    std::string start_of_row_;
    std::string cell_;
    std::optional<Columns> columns_;
};

} // namespace

std::unique_ptr<Exporter> make_csv_exporter(const ExportOptions& options, Sink& sink) {
    return std::make_unique<CsvExporter>(options, sink);
}

} // namespace dynmon
