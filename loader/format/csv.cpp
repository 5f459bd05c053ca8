// The `csv` exporter: RFC 4180, one table with one header. Metrics share it if they have the same
// columns; all others are refused.
#include <optional>
#include <set>

#include "base/error.hpp"
#include "format/columns.hpp"
#include "format/export_options.hpp"
#include "format/line_formats.hpp"
#include "format/row_constants.hpp"

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
        : style_(options.raw ? Style::raw : Style::decoded), safe_(options.csv_safe),
          added_(options.added), constants_(options), sink_(sink) {}

    void prepare(const std::vector<const MetricView*>& metrics) override {
        std::set<std::string> tables;
        std::set<std::string> names;
        std::string list;
        for (const MetricView* metric : metrics) {
            require_added(added_, *metric);
            const Columns columns(*metric, style_);
            std::string header;
            for (const std::string& name : columns.names())
                add_cell(name, header);
            tables.insert(header);
            if (names.insert(metric->name).second)
                list += (list.empty() ? "'" : ", '") + metric->name + "'";
        }
        if (tables.size() > 1)
            throw Error(ErrorKind::usage, "csv is one table, and these are metrics with columns "
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
        columns_.emplace(metric, style_);
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
    // With a comma in front.
    static void add_cell(std::string_view text, std::string& out) {
        out += ',';
        const std::size_t start = out.size();
        out += text;
        quote_from(start, out);
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
        quote_from(0, cell_);
        to.put(cell_);
    }

    void print_header(const MetricView& metric, const std::string& header) {
        if (header == sink_.header())
            return;
        if (!sink_.header().empty())
            throw Error(ErrorKind::usage, "csv is one table, and metric '" + metric.name +
                                              "' has other columns than the rows before it")
                .hint("read again into another file, or use --format jsonl");
        sink_.buffer() += header;
        sink_.buffer() += end_of_line;
        sink_.header() = header;
    }

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

std::unique_ptr<Exporter> make_csv_exporter(const ExportOptions& options, Sink& sink) {
    return std::make_unique<CsvExporter>(options, sink);
}

} // namespace dynmon
