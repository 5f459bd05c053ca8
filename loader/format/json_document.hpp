// What the documents of `json` and `dynmon` have in common: two lists of metrics, or bare values.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "decode/decode_plan.hpp"
#include "format/exporter.hpp"
#include "format/json_values.hpp"

namespace dynmon {

// What of ExportOptions such a document depends on; see there.
struct JsonForm {
    Style style = Style::decoded;
    bool value_only = false;
    bool wide_as_text = false;
    std::size_t metric_count = 1;
    std::string build = {}; // `json` only, as is `added`
    std::vector<std::pair<std::string, std::string>> added = {};
};

class JsonDocument : public Exporter {
public:
    JsonDocument(JsonForm form, Sink& sink) : form_(std::move(form)), sink_(sink) {}

    void begin_document(const std::string& monitor, const Window& window) final;
    void begin_metric(const MetricView& metric) final;
    void entries(const Batch& batch) final;
    void end_metric(std::uint64_t timestamp_us) final;
    void end_document() final;

protected:
    const JsonForm& form() const { return form_; }

private:
    // Members of the document before its lists, each with a comma behind it.
    virtual void describe(const std::string& monitor, const Window& window, std::string& out) = 0;
    // Members of a metric between its name and its value, each with a comma in front.
    virtual void describe(const MetricView& metric, std::string& out) = 0;
    virtual JsonShape shape(const MetricView& metric) const = 0;
    // What is printed of its entries; lives until the next one is asked for.
    virtual const MetricView& shown(const MetricView& metric) { return metric; }

    bool bare() const { return form_.value_only && form_.metric_count <= 1; }
    void enter(Direction direction);

    JsonForm form_;
    Sink& sink_;
    std::optional<Direction> list_; // the one that is open
    bool first_ = true;             // in the open list
    std::optional<JsonValues> values_;
};

// ns since the Unix epoch as an ISO 8601 time.
std::string time_text(std::uint64_t ns);
// The same in quotes; null for 0.
void append_json_time(std::uint64_t ns, std::string& out);

std::unique_ptr<Exporter> make_json_exporter(JsonForm form, Sink& sink);
std::unique_ptr<Exporter> make_dynmon_exporter(JsonForm form, Sink& sink);

} // namespace dynmon
