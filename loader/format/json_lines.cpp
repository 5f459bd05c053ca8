// SPDX-License-Identifier: BSD-2-Clause
// The `jsonl` exporter: one line an entry, each a JSON document of its own.
#include <optional>

#include "decode/text.hpp"
#include "format/export_options.hpp"
#include "format/json_document.hpp"
#include "format/rows.hpp"

namespace dynmon {

namespace {

class JsonLinesExporter final : public Exporter {
public:
    JsonLinesExporter(const ExportOptions& options, Sink& sink)
        : value_only_(options.value_only), wide_as_text_(options.wide_as_text),
          style_(options.raw ? Style::raw : Style::decoded), added_(options.added),
          constants_(options), sink_(sink) {}

    void prepare(const std::vector<const MetricView*>& metrics) override {
        for (const MetricView* metric : metrics)
            require_added(added_, *metric);
    }

    void counts_at(const std::vector<CountingPlace>& places) override {
        places_ = places;
        constants_.counts_at(places);
    }

    void begin_document(const std::string& monitor, const Window& window) override {
        in_monitor_ = !monitor.empty();
        constants_.begin_document(monitor, window);
        if (!value_only_)
            for (const CountingPlace& place : places_)
                if (place.attached == false)
                    print_unattached(place);
    }

    // Everything between key and value is part of their plans.
    void begin_metric(const MetricView& metric) override {
        metric_ = &metric;
        rows_.emplace(metric);
        std::string before = start_of_line(metric);
        const bool list = rows_->with_cpu();
        if (metric.key) {
            key_.emplace(*metric.key, style_, before + "\"key\":", ",\"value\":", wide_as_text_);
            before.clear();
        } else {
            before += "\"value\":";
        }
        start_ = list ? before + '[' : "";
        value_.emplace(metric.value, style_, list ? "" : before, list ? "" : "}\n", wide_as_text_);
    }

    void entries(const Batch& batch) override {
        Cursor cursor(sink_.buffer());
        rows_->for_each(batch, [&](const Row& row) {
            if (key_ && row.cpu == 0)
                key_->append(row.key, cursor);
            if (rows_->with_cpu())
                cursor.put(row.cpu == 0 ? std::string_view(start_) : ",");
            value_->append(row.value, cursor);
            if (rows_->with_cpu() && row.cpu + 1 == metric_->cpus)
                cursor.put("]}\n");
            sink_.spill();
        });
        cursor.finish();
        sink_.spill();
    }

    void end_metric(std::uint64_t) override {
        key_.reset();
        value_.reset();
        rows_.reset();
    }
    void end_document() override { sink_.spill(); }

private:
    // A line of its own: a direction that counts nothing may have no entry to say it with.
    void print_unattached(const CountingPlace& place) {
        std::string& out = sink_.buffer();
        out += '{';
        append(constants_.source(place.direction), out);
        append({{"direction", to_string(place.direction)}}, out);
        append(constants_.window(), out);
        append(constants_.added(), out);
        out += "\"attached\":false,\"health\":";
        append_json_string(place.health, out);
        out += "}\n";
    }

    // Members, each with a comma behind it.
    static void append(const std::vector<RowConstant>& constants, std::string& out) {
        for (const RowConstant& constant : constants) {
            append_json_string(constant.name, out);
            out += ':';
            switch (constant.kind) {
            case RowConstant::Kind::text:
                append_json_string(constant.value, out);
                break;
            case RowConstant::Kind::number:
                out += constant.value;
                break;
            case RowConstant::Kind::unknown:
                out += "null";
                break;
            }
            out += ',';
        }
    }

    std::string start_of_line(const MetricView& metric) const {
        std::string text = "{";
        if (!in_monitor_ || value_only_)
            return text;
        append(constants_.source(metric.direction), text);
        append({{"metric", metric.name}, {"direction", to_string(metric.direction)}}, text);
        append(constants_.window(), text);
        append(constants_.added(), text);
        return text;
    }

    bool value_only_;
    bool wide_as_text_;
    Style style_;
    std::vector<std::pair<std::string, std::string>> added_;
    RowConstants constants_;
    Sink& sink_;
    bool in_monitor_ = false;
    std::vector<CountingPlace> places_;
    const MetricView* metric_ = nullptr;
    std::optional<Rows> rows_;
    std::string start_; // of the list of CPUs
    std::optional<JsonPlan> key_;
    std::optional<JsonPlan> value_;
};

} // namespace

std::unique_ptr<Exporter> make_json_lines_exporter(const ExportOptions& options, Sink& sink) {
    return std::make_unique<JsonLinesExporter>(options, sink);
}

} // namespace dynmon
