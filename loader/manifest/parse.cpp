// SPDX-License-Identifier: BSD-2-Clause
// Document → Manifest, section by section; last what concerns several keys at once.

#include <map>
#include <tuple>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "base/text.hpp"
#include "manifest/fields.hpp"
#include "manifest/manifest.hpp"
#include "manifest/rules.hpp"

namespace dynmon {

// One metric of a manifest: what is read from a map, and what is made of it.

// What is wrong goes to `faults`; the result then has defaults in its place.
MetricConfig read_metric(const Node& node, Faults& faults);

// What concerns several keys of a manifest at once, and so no schema can say.

// Names that stand twice (parameters, metrics, labels, families), a unit that does not end its
// family's name, a family that is two different things in the two directions, a map that is swapped
// and is not.
void check_across(const Manifest& manifest, Faults& faults);

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
    if (type->kind != Node::Kind::scalar || lower_case(type->text) != "summary")
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

namespace {

// Empty names have been reported where they stand.
template <typename List>
void check_unique(const List& list, const std::string& what, Faults& faults) {
    std::map<std::string, Position> seen;
    for (const auto& item : list) {
        const auto [first, added] = seen.emplace(item.name, item.at);
        if (!added && !item.name.empty())
            faults.add(item.at, "a second " + what + " '" + item.name + "'",
                       "the first is in line " + std::to_string(first->second.line));
    }
}

struct Family {
    std::string name;
    MetricType type = MetricType::untyped;
    std::string unit;
    Position at;
};

// The families of one metric: its series, or the metric itself.
std::vector<Family> families(const MetricConfig& metric) {
    std::vector<Family> list;
    const OpenMetrics& open_metrics = *metric.open_metrics;
    const std::string own_name(without_total(metric.name));
    for (const Series& series : open_metrics.series)
        list.push_back({series.name.empty() ? own_name : series.name,
                        series.type.value_or(open_metrics.type), series.unit, series.at});
    if (open_metrics.series.empty())
        list.push_back({own_name, open_metrics.type, "", metric.at});
    return list;
}

class FamilyCheck {
public:
    explicit FamilyCheck(Faults& faults) : faults_(faults) {}

    void check(const PathConfig& path) {
        std::map<std::string, Position> here;
        for (const MetricConfig& metric : path.metrics) {
            if (!metric.open_metrics || metric.name.empty())
                continue;
            for (const Family& family : families(metric)) {
                check_name(family);
                const auto [first, added] = here.emplace(family.name, family.at);
                if (!added)
                    faults_.add(family.at, "a second series '" + family.name + "'",
                                "the first is in line " + std::to_string(first->second.line));
                check_other_direction(family);
            }
        }
    }

private:
    void check_name(const Family& family) {
        if (!rule::family_name.holds(family.name))
            faults_.add(family.at, "'" + family.name + "' cannot name a series in OpenMetrics",
                        std::string("it ") + rule::family_name.says +
                            "; give each series a 'name'");
        if (!family.unit.empty() && !family.name.ends_with("_" + family.unit))
            faults_.add(family.at,
                        "the unit '" + family.unit + "' does not end the name '" + family.name +
                            "'",
                        "call the series '" + family.name + "_" + family.unit + "'");
    }

    // Both directions are one family in the exposition, told apart by a label.
    void check_other_direction(const Family& family) {
        const auto [first, added] = known_.emplace(family.name, family);
        if (added || (first->second.type == family.type && first->second.unit == family.unit))
            return;
        faults_.add(family.at, "the series '" + family.name +
                                   "' has another type or unit in line " +
                                   std::to_string(first->second.at.line));
    }

    Faults& faults_;
    std::map<std::string, Family> known_;
};

void check_no_label(const OpenMetrics& metrics, const Buckets& buckets, Faults& faults) {
    for (const Label& label : metrics.labels)
        if (!label.field.empty() && label.field == buckets.key)
            faults.add(label.at, "the label '" + label.name + "' is the number of the bucket",
                       "buckets have the label le");
}

// A histogram has buckets, of its own or those of the metric, and nothing else has.
void check_buckets(const MetricConfig& metric, Faults& faults) {
    const OpenMetrics& metrics = *metric.open_metrics;
    std::vector<Series> list = metrics.series;
    if (list.empty())
        list.emplace_back().at = metrics.at;
    bool any = false;
    for (const Series& series : list) {
        const MetricType type = series.type.value_or(metrics.type);
        const auto& buckets = series.buckets ? series.buckets : metrics.buckets;
        any = any || type == MetricType::histogram;
        if (type == MetricType::histogram && !buckets)
            faults.add(series.at, "a histogram needs 'buckets'",
                       "such as buckets: {scale: log2} for an array of counts by power of two");
        if (type != MetricType::histogram && series.buckets)
            faults.add(series.buckets->at, "'buckets' are for a histogram, and this is of type " +
                                               std::string(to_string(type)));
        if (type == MetricType::histogram && buckets)
            check_no_label(metrics, *buckets, faults);
    }
    if (metrics.buckets && !any)
        faults.add(metrics.buckets->at, "'buckets' are for a histogram, and there is none");
}

// A map has one standby or none: what one metric swaps, another cannot leave as it is.
void check_swap(const Manifest& manifest, Faults& faults) {
    std::map<std::string, const MetricConfig*> seen;
    for (const PathConfig& path : manifest.paths) {
        for (const MetricConfig& metric : path.metrics) {
            const auto [first, added] = seen.emplace(metric.map_name, &metric);
            if (!added && !metric.map_name.empty() &&
                first->second->swap_on_read != metric.swap_on_read)
                faults.add(metric.at, "map '" + metric.map_name + "' is swapped by one metric only",
                           "give 'swap-on-read' the same value as the metric in line " +
                               std::to_string(first->second->at.line));
        }
    }
}

void check_number(const Manifest& manifest, Faults& faults) {
    std::size_t count = 0;
    for (const PathConfig& path : manifest.paths)
        for (const MetricConfig& metric : path.metrics)
            if (++count == limits::metrics + 1)
                faults.add(metric.at, "more than " + std::to_string(limits::metrics) + " metrics",
                           "`dump MONITOR/MAP` prints maps without a metric");
}

} // namespace

void check_across(const Manifest& manifest, Faults& faults) {
    check_number(manifest, faults);
    check_unique(manifest.parameters, "parameter", faults);
    FamilyCheck family_check(faults);
    for (const PathConfig& path : manifest.paths) {
        check_unique(path.metrics, "metric", faults);
        for (const MetricConfig& metric : path.metrics) {
            if (metric.open_metrics) {
                check_unique(metric.open_metrics->labels, "label", faults);
                check_buckets(metric, faults);
            }
        }
        family_check.check(path);
    }
    check_swap(manifest, faults);
}

namespace {

constexpr std::int64_t most_entries = 0xffffffff; // of a map

PathConfig read_path(const Node& node, Direction direction, Faults& faults) {
    const bool ingress = direction == Direction::ingress;
    Fields::Names known = {"name", "program", "metric-configs"};
    if (ingress)
        known.insert(known.begin() + 2, "xdp-program");
    const Fields fields(node, ingress ? "ingress-path" : "egress-path", known, {}, faults);
    PathConfig path;
    path.at = node.at;
    path.direction = direction;
    path.name = fields.text("name", rule::any_text);
    path.program = fields.text("program", rule::c_name);
    path.program_at = fields.at("program");
    if (ingress) {
        path.xdp_program = fields.text("xdp-program", rule::c_name);
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
    parameter.name = fields.text("name", rule::c_name);
    parameter.help = fields.text("help", rule::some_text);
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
    if (!rule::c_name.holds(map.name))
        faults.add(map.at, "'" + map.name + "' " + rule::c_name.says);
    const Node* entries = fields.find("max-entries");
    if (entries != nullptr && scalar_type(*entries) == ScalarType::integer) {
        if (const auto number = fields.whole("max-entries", 1, most_entries))
            map.max_entries = {std::to_string(*number)};
    } else if (entries != nullptr) {
        if (const std::string text = fields.text("max-entries", rule::product); !text.empty())
            map.max_entries = factors_of(text);
    }
    map.max_entries_at = fields.at("max-entries");
    map.type = fields.text("type", rule::c_name);
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

Imported read_imported(const Node& node, Faults& faults) {
    const Fields fields(node, "imported", {"document", "ingress", "egress"}, {"document"}, faults);
    Imported imported;
    imported.at = node.at;
    imported.document = fields.text("document", rule::file_name);
    imported.ingress = fields.text("ingress", rule::sha256);
    imported.egress = fields.text("egress", rule::sha256);
    return imported;
}

// Who looks a document up by its digests is to find all of it.
void check_imported(const Manifest& manifest, Faults& faults) {
    for (const Direction direction : {Direction::ingress, Direction::egress}) {
        const bool ingress = direction == Direction::ingress;
        const std::string& digest =
            ingress ? manifest.imported->ingress : manifest.imported->egress;
        const std::string name = to_string(direction);
        if (digest.empty() != (manifest.path(direction) == nullptr))
            faults.add(
                manifest.imported->at,
                digest.empty()
                    ? "'imported' has no '" + name + "', and there is a path '" + name + "-path'"
                    : "'imported' has '" + name + "', and there is no path '" + name + "-path'",
                "import the document again: dynmon-load import");
    }
}

std::set<Power> read_may(const Fields& fields) {
    std::set<Power> may = with_implied(read_powers(fields, "may"));
    const std::optional<bool> drop = fields.choice("verdict", verdict_choices);
    if (drop == std::optional(false) && may.contains(Power::drop))
        fields.faults().add(fields.at("may"), "'may' contradicts 'verdict: pass'",
                            "drop and redirect take packets away: leave 'verdict' out");
    if (drop == std::optional(true))
        may.insert(Power::drop);
    return may;
}

Manifest read_manifest(const Node& root, Faults& faults) {
    const Fields fields(root, "the manifest",
                        {"name", "description", "object", "hook", "xdp", "verdict", "may",
                         "parameters", "maps", "imported", "ingress-path", "egress-path"},
                        {"name"}, faults);
    Manifest manifest;
    manifest.name = fields.text("name", rule::identifier);
    manifest.description = fields.text("description", rule::any_text);
    manifest.object = fields.text("object", rule::file_name);
    manifest.hook = fields.choice("hook", hook_choices).value_or(manifest.hook);
    if (const Node* node = fields.find("xdp")) {
        const Fields xdp(*node, "xdp", {"mode", "fallback"}, {}, faults);
        manifest.xdp_mode = xdp.choice("mode", xdp_mode_choices).value_or(manifest.xdp_mode);
        manifest.xdp_fallback_generic = xdp.choice("fallback", fallback_choices).value_or(false);
    }
    manifest.may = read_may(fields);
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
    if (const Node* node = fields.find("imported")) {
        const std::size_t before = faults.list().size();
        manifest.imported = read_imported(*node, faults);
        if (faults.list().size() == before)
            check_imported(manifest, faults);
    }
    return manifest;
}

} // namespace

ParsedManifest parse_manifest(std::string_view text) {
    ParsedManifest parsed;
    Faults faults;
    if (const auto root = parse_document(text, faults.list())) {
        parsed.manifest = read_manifest(*root, faults);
        check_across(parsed.manifest, faults);
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
    std::string message = place_text(file, first.at) + ": " + first.message;
    if (parsed.diagnostics.size() > 1)
        message += " (and " + std::to_string(parsed.diagnostics.size() - 1) + " more)";
    throw Error(ErrorKind::usage, message).hint(first.hint);
}

} // namespace dynmon
