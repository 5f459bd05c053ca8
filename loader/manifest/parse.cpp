// Document → Manifest, section by section. What concerns several keys at once is in agreement.cpp.
#include <algorithm>
#include <cctype>
#include <tuple>

#include "base/error.hpp"
#include "manifest/agreement.hpp"
#include "manifest/fields.hpp"
#include "manifest/manifest.hpp"
#include "manifest/rules.hpp"

namespace dynmon {

namespace {

constexpr std::size_t most_series = 1'000'000;                // what `max-series` may ask for
constexpr std::int64_t most_entries = 0xffffffff;             // of a map
constexpr std::int64_t largest_bound = std::int64_t{1} << 48; // no two bounds are one double

Label read_label(const Node& node, Faults& faults) {
    const Fields fields(node, "a label", {"name", "value", "field"}, {"name"}, faults);
    Label label;
    label.at = node.at;
    label.name = fields.text("name", label_name);
    label.value = fields.text("value", any_text);
    label.field = fields.text("field", key_field);
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
    buckets.key = fields.text("key", key_field);
    buckets.key_at = fields.at("key");
    buckets.count = fields.count("count", 0, limits::buckets);
    buckets.count_at = fields.at("count");
    buckets.min = fields.whole("min", -largest_bound, largest_bound).value_or(buckets.min);
    buckets.width = fields.count("width", 1, largest_bound);
    buckets.multiplier = fields.number("multiplier", 1e-30, 1e30).value_or(buckets.multiplier);
    buckets.sum = fields.text("sum", value_field);
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
    series.name = fields.text("name", family_name);
    series.field = fields.text("field", value_field);
    series.field_at = fields.at("field");
    series.type = read_type(fields);
    series.unit = fields.text("unit", unit_name);
    series.help = fields.text("help", some_text);
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
    metrics.help = fields.text("help", some_text);
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
    metrics.max_series = fields.count("max-series", limits::series_per_metric, most_series);
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
        if (!value_path.holds(path))
            fields.faults().add(at, "'" + path + "' " + value_path.says);
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
        if (!any_path.holds(path))
            fields.faults().add(at, "'" + path + "' " + any_path.says);
        else
            metric.formats[path] = read_text(node->items[i], path, format_name, fields.faults());
        metric.formats_at[path] = at;
    }
}

MetricConfig read_metric(const Node& node, Faults& faults) {
    const Fields fields(node, "a metric",
                        {"name", "map-name", "help", "extraction-options", "open-metrics-metadata",
                         "merge", "merge-fields", "formats"},
                        {"name", "map-name"}, faults);
    MetricConfig metric;
    metric.at = node.at;
    metric.name = fields.text("name", identifier);
    metric.map_name = fields.text("map-name", map_name);
    metric.map_at = fields.at("map-name");
    metric.help = fields.text("help", some_text);
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
    return metric;
}

PathConfig read_path(const Node& node, Direction direction, Faults& faults) {
    const bool ingress = direction == Direction::ingress;
    Fields::Names known = {"name", "program", "metric-configs"};
    if (ingress)
        known.insert(known.begin() + 2, "xdp-program");
    const Fields fields(node, ingress ? "ingress-path" : "egress-path", known, {}, faults);
    PathConfig path;
    path.at = node.at;
    path.direction = direction;
    path.name = fields.text("name", any_text);
    path.program = fields.text("program", c_name);
    path.program_at = fields.at("program");
    if (ingress) {
        path.xdp_program = fields.text("xdp-program", c_name);
        path.xdp_program_at = fields.at("xdp-program");
    }
    for (const Node& item : fields.list("metric-configs"))
        path.metrics.push_back(read_metric(item, faults));
    return path;
}

Parameter read_parameter(const Node& node, Faults& faults) {
    const Fields fields(node, "a parameter", {"name", "help", "default", "min", "max"}, {"name"},
                        faults);
    Parameter parameter;
    parameter.at = node.at;
    parameter.name = fields.text("name", c_name);
    parameter.help = fields.text("help", some_text);
    parameter.preset = fields.literal("default");
    parameter.preset_at = fields.at("default");
    parameter.min = fields.literal("min");
    parameter.min_at = fields.at("min");
    parameter.max = fields.literal("max");
    parameter.max_at = fields.at("max");
    return parameter;
}

MapConfig read_map(const Node::Key& key, const Node& node, Faults& faults) {
    const Fields fields(node, "a map", {"max-entries", "type"}, {}, faults);
    MapConfig map{.name = key.text};
    map.at = key.at;
    if (!c_name.holds(map.name))
        faults.add(map.at, "'" + map.name + "' " + c_name.says);
    const Node* entries = fields.find("max-entries");
    if (entries != nullptr && scalar_type(*entries) == ScalarType::integer) {
        if (const auto number = fields.whole("max-entries", 1, most_entries))
            map.max_entries = {std::to_string(*number)};
    } else if (entries != nullptr) {
        if (const std::string text = fields.text("max-entries", product); !text.empty())
            map.max_entries = factors_of(text);
    }
    map.max_entries_at = fields.at("max-entries");
    map.type = fields.text("type", c_name);
    map.type_at = fields.at("type");
    return map;
}

std::vector<MapConfig> read_maps(const Fields& fields) {
    std::vector<MapConfig> maps;
    const Node* node = fields.find("maps");
    if (node == nullptr)
        return maps;
    if (node->kind != Node::Kind::mapping)
        fields.faults().add(node->at, "'maps' must be a mapping, not " + describe(*node));
    for (std::size_t i = 0; i < node->keys.size(); ++i)
        maps.push_back(read_map(node->keys[i], node->items[i], fields.faults()));
    return maps;
}

Manifest read_manifest(const Node& root, Faults& faults) {
    const Fields fields(root, "the manifest",
                        {"name", "description", "object", "hook", "xdp", "verdict", "parameters",
                         "maps", "ingress-path", "egress-path"},
                        {"name"}, faults);
    Manifest manifest;
    manifest.name = fields.text("name", identifier);
    manifest.description = fields.text("description", any_text);
    manifest.object = fields.text("object", file_name);
    manifest.hook = fields.choice("hook", hook_choices).value_or(manifest.hook);
    if (const Node* node = fields.find("xdp")) {
        const Fields xdp(*node, "xdp", {"mode", "fallback"}, {}, faults);
        manifest.xdp_mode = xdp.choice("mode", xdp_mode_choices).value_or(manifest.xdp_mode);
        manifest.xdp_fallback_generic = xdp.choice("fallback", fallback_choices).value_or(false);
    }
    manifest.may_drop = fields.choice("verdict", verdict_choices).value_or(false);
    for (const Node& item : fields.list("parameters"))
        manifest.parameters.push_back(read_parameter(item, faults));
    manifest.maps = read_maps(fields);
    if (const Node* node = fields.find("ingress-path"))
        manifest.paths.push_back(read_path(*node, Direction::ingress, faults));
    if (const Node* node = fields.find("egress-path"))
        manifest.paths.push_back(read_path(*node, Direction::egress, faults));
    if (root.kind == Node::Kind::mapping && !fields.mentions("ingress-path") &&
        !fields.mentions("egress-path"))
        faults.add(root.at, "the manifest has neither 'ingress-path' nor 'egress-path'");
    return manifest;
}

} // namespace

ParsedManifest parse_manifest(std::string_view text) {
    ParsedManifest parsed;
    Faults faults;
    if (const auto root = parse_document(text, faults.list())) {
        parsed.manifest = read_manifest(*root, faults);
        check_agreement(parsed.manifest, faults);
        if (parsed.manifest.object.empty())
            parsed.manifest.object = parsed.manifest.name + ".bpf.o";
    }
    parsed.diagnostics = std::move(faults.list());
    const auto place = [](const Diagnostic& d) { return std::tuple(d.at.line, d.at.column); };
    std::stable_sort(parsed.diagnostics.begin(), parsed.diagnostics.end(),
                     [&](const auto& a, const auto& b) { return place(a) < place(b); });
    return parsed;
}

Manifest require_manifest(std::string_view text, std::string_view file) {
    ParsedManifest parsed = parse_manifest(text);
    if (parsed.diagnostics.empty())
        return std::move(parsed.manifest);
    const Diagnostic& first = parsed.diagnostics.front();
    std::string message = std::string(file) + ":" + std::to_string(first.at.line) + ":" +
                          std::to_string(first.at.column) + ": " + first.message;
    if (parsed.diagnostics.size() > 1)
        message += " (and " + std::to_string(parsed.diagnostics.size() - 1) + " more)";
    throw Error(ErrorKind::usage, message).hint(first.hint);
}

} // namespace dynmon
