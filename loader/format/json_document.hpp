// SPDX-License-Identifier: BSD-2-Clause
// What the documents of `json` and `dynmon` have in common: two lists of metrics, or bare values.
#pragma once

#include <optional>
#include <string>

#include "format/export_options.hpp"
#include "format/exporter.hpp"
#include "format/json_values.hpp"

namespace dynmon {

class JsonDocument : public Exporter {
public:
    JsonDocument(const ExportOptions& options, Style style, Sink& sink)
        : options_(options), style_(style), sink_(sink) {}

    void begin_document(const std::string& monitor, const Window& window) final;
    void begin_metric(const MetricView& metric) final;
    void entries(const Batch& batch) final;
    void end_metric(std::uint64_t timestamp_us) final;
    void end_document() final;

protected:
    bool raw() const { return options_.raw; }
    bool wide_as_text() const { return options_.wide_as_text; }

private:
    // Members of the document before its lists, each with a comma behind it.
    virtual void describe(const std::string& monitor, const Window& window, std::string& out) = 0;
    // Members of a metric between its name and its value, each with a comma in front.
    virtual void describe(const MetricView& metric, std::string& out) = 0;
    virtual JsonShape shape(const MetricView& metric) const = 0;
    // What is printed of its entries; lives until the next one is asked for.
    virtual const MetricView& shown(const MetricView& metric) { return metric; }

    bool bare() const { return options_.value_only && options_.metric_count <= 1; }
    void enter(Direction direction);

    ExportOptions options_;
    Style style_;
    Sink& sink_;
    std::optional<Direction> list_; // the one that is open
    bool first_ = true;             // in the open list
    std::optional<JsonValues> values_;
};

// ns since the Unix epoch as an ISO 8601 time.
std::string time_text(std::uint64_t ns);
// The same in quotes; null for 0.
void append_json_time(std::uint64_t ns, std::string& out);

} // namespace dynmon
