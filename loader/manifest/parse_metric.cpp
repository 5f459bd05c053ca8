// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/parse_metric.hpp"

#include <algorithm>
#include <cctype>

#include "base/limits.hpp"
#include "manifest/rules.hpp"

namespace dynmon {

namespace {

constexpr std::size_t most_series = 1'000'000;                // what `max-series` may ask for
constexpr std::int64_t largest_bound = std::int64_t{1} << 48; // no two bounds are one double

Label read_label(const Node& node, Faults& faults) {
    const Fields fields(node, "a label", {"name", "value", "field"}, {"name"}, faults);
    Label label;
    label.at = node.at;
    label.name = fields.text("name", rule::label_name);
    label.value = fields.text("value", rule::any_text);
    label.field = fields.text("field", rule::key_field);
    label.field_at = fields.at("field");
    if (node.kind == Node::Kind::mapping && fields.has("value") == fields.has("field"))
        faults.add(node.at, "a label needs either 'value' or 'field'",
                   "'value' is the same on every series, 'field' takes it from the map's key");
    return label;
}

std::optional<MetricType> read_type(const Fields& fields) {
    const Node* type = fields.find("type");
    if (type == nullptr)
        return std::nullopt;
    std::string text = type->text;
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (type->kind != Node::Kind::scalar || text != "summary")
        return fields.choose(*type, "type", type_choices, true);
    fields.faults().add(type->at, "a summary cannot be made: its quantiles do not add up",
                        "a histogram can, and so can a gauge for each quantile");
    return std::nullopt;
}

Buckets read_buckets(const Node& node, Faults& faults) {
    const Fields fields(node, "buckets",
                        {"scale", "key", "count", "min", "width", "multiplier", "sum"}, {"scale"},
                        faults);
    Buckets buckets;
    buckets.at = node.at;
    buckets.scale = fields.choice("scale", scale_choices).value_or(buckets.scale);
    buckets.key = fields.text("key", rule::key_field);
    buckets.key_at = fields.at("key");
    buckets.count = fields.count("count", 0, limits::buckets);
    buckets.count_at = fields.at("count");
    buckets.min = fields.whole("min", -largest_bound, largest_bound).value_or(buckets.min);
    buckets.width = fields.count("width", 1, largest_bound);
    buckets.multiplier = fields.number("multiplier", 1e-30, 1e30).value_or(buckets.multiplier);
    buckets.sum = fields.text("sum", rule::value_field);
    buckets.sum_at = fields.at("sum");
    if (fields.has("key") != fields.has("count"))
        faults.add(node.at, "'key' and 'count' go together: the key has the bucket's number",
                   "without them the series' field is the array of all buckets");
    const bool linear = buckets.scale == BucketScale::linear;
    if (linear != fields.has("width") || (!linear && fields.has("min")))
        faults.add(node.at, linear ? "linear buckets need a 'width'"
                                   : "'min' and 'width' are for linear buckets");
    if (buckets.min < 0 && fields.has("sum"))
        faults.add(buckets.sum_at, "a histogram of negative values cannot have a sum");
    return buckets;
}

Series read_series(const Node& node, Faults& faults) {
    const Fields fields(node, "a series", {"name", "field", "type", "unit", "help", "buckets"}, {},
                        faults);
    Series series;
    series.at = node.at;
    series.name = fields.text("name", rule::family_name);
    series.field = fields.text("field", rule::value_field);
    series.field_at = fields.at("field");
    series.type = read_type(fields);
    series.unit = fields.text("unit", rule::unit_name);
    series.help = fields.text("help", rule::some_text);
    if (const Node* buckets = fields.find("buckets"))
        series.buckets = read_buckets(*buckets, faults);
    return series;
}

OpenMetrics read_open_metrics(const Node& node, Faults& faults) {
    const Fields fields(node, "open-metrics-metadata",
                        {"help", "type", "labels", "series", "buckets", "max-series"},
                        {"help", "type"}, faults);
    OpenMetrics metrics;
    metrics.at = node.at;
    metrics.help = fields.text("help", rule::some_text);
    metrics.type = read_type(fields).value_or(metrics.type);
    for (const Node& item : fields.list("labels"))
        metrics.labels.push_back(read_label(item, faults));
    if (metrics.labels.size() > limits::labels)
        faults.add(fields.at("labels"), std::to_string(metrics.labels.size()) +
                                            " labels; at most " + std::to_string(limits::labels) +
                                            " are possible");
    for (const Node& item : fields.list("series"))
        metrics.series.push_back(read_series(item, faults));
    if (const Node* buckets = fields.find("buckets"))
        metrics.buckets = read_buckets(*buckets, faults);
    metrics.max_series = fields.count("max-series", OpenMetrics::preset_series, most_series);
    return metrics;
}

void read_merge_fields(const Fields& fields, MetricConfig& metric) {
    const Node* node = fields.find("merge-fields");
    if (node == nullptr)
        return;
    if (node->kind != Node::Kind::mapping)
        return fields.faults().add(node->at,
                                   "'merge-fields' must be a mapping, not " + describe(*node));
    for (std::size_t i = 0; i < node->keys.size(); ++i) {
        const auto& [path, at] = node->keys[i];
        if (!rule::value_path.holds(path))
            fields.faults().add(at, "'" + path + "' " + rule::value_path.says);
        else if (const auto merge = fields.choose(node->items[i], path, field_merge_choices))
            metric.merge_fields[path] = *merge;
        metric.merge_fields_at[path] = at;
    }
}

void read_formats(const Fields& fields, MetricConfig& metric) {
    const Node* node = fields.find("formats");
    if (node == nullptr)
        return;
    if (node->kind != Node::Kind::mapping)
        return fields.faults().add(node->at, "'formats' must be a mapping, not " + describe(*node));
    for (std::size_t i = 0; i < node->keys.size(); ++i) {
        const auto& [path, at] = node->keys[i];
        if (!rule::any_path.holds(path))
            fields.faults().add(at, "'" + path + "' " + rule::any_path.says);
        else
            metric.formats[path] =
                read_text(node->items[i], path, rule::format_name, fields.faults());
        metric.formats_at[path] = at;
    }
}

void read_columns(const Fields& fields, MetricConfig& metric) {
    for (const Node& item : fields.list("columns")) {
        const std::string path = read_text(item, "columns", rule::any_path, fields.faults());
        if (path.empty())
            continue;
        if (!metric.columns_at.emplace(path, item.at).second)
            fields.faults().add(item.at, "'" + path + "' stands twice in 'columns'");
        metric.columns.push_back(path);
    }
}

} // namespace

MetricConfig read_metric(const Node& node, Faults& faults) {
    const Fields fields(node, "a metric",
                        {"name", "map-name", "help", "extraction-options", "open-metrics-metadata",
                         "merge", "merge-fields", "formats", "columns"},
                        {"name", "map-name"}, faults);
    MetricConfig metric;
    metric.at = node.at;
    metric.name = fields.text("name", rule::identifier);
    metric.map_name = fields.text("map-name", rule::map_name);
    metric.map_at = fields.at("map-name");
    metric.help = fields.text("help", rule::some_text);
    if (const Node* options = fields.find("extraction-options")) {
        const Fields extraction(*options, "extraction-options", {"swap-on-read", "empty-on-read"},
                                {}, faults);
        metric.swap_on_read = extraction.flag("swap-on-read");
        metric.empty_on_read = extraction.flag("empty-on-read");
        metric.swap_at = extraction.at("swap-on-read");
        metric.empty_at = extraction.at("empty-on-read");
    }
    if (const Node* open_metrics = fields.find("open-metrics-metadata"))
        metric.open_metrics = read_open_metrics(*open_metrics, faults);
    metric.merge = fields.choice("merge", merge_choices);
    metric.merge_at = fields.at("merge");
    read_merge_fields(fields, metric);
    read_formats(fields, metric);
    read_columns(fields, metric);
    return metric;
}

} // namespace dynmon
