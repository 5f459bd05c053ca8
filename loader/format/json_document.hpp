// SPDX-License-Identifier: BSD-2-Clause
// What the documents of `json` and `dynmon` have in common: two lists of metrics, or bare values.
#pragma once

#include <optional>
#include <string>

#include "decode/decode_plan.hpp"
#include "format/export_options.hpp"
#include "format/exporter.hpp"

namespace dynmon {

// The value of one metric as JSON: the list of what its map holds, written entry by entry.

struct JsonShape {
    bool keyed = true;          // {"key":K,"value":V} and not just V
    bool list_cpus = false;     // V is the list of the values of all CPUs, where there are any
    bool null_if_empty = false; // and not []
    bool wide_as_text = false;  // see JsonPlan
};

class JsonValues {
public:
    // `metric` must outlive it; the CPUs of one that does not list them are merged already.
    JsonValues(const MetricView& metric, Style style, JsonShape shape);

    void add(const Batch& batch, Sink& sink);
    void finish(std::string& out); // the end of the list; must be called once

private:
    void add_value(const std::byte* values, Cursor& to);
    void add_cpus(const std::byte* values, Cursor& to);

    const MetricView& metric_;
    JsonShape shape_;
    std::optional<JsonPlan> key_;
    JsonPlan value_;
    bool empty_ = true;
};

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
