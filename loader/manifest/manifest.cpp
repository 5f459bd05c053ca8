// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/manifest.hpp"

#include <map>

#include <nlohmann/json.hpp>

#include "base/json_text.hpp"

namespace dynmon {

std::set<std::string> Manifest::swapped_maps() const {
    std::set<std::string> names;
    for (const PathConfig& path : paths)
        for (const MetricConfig& metric : path.metrics)
            if (metric.swap_on_read)
                names.insert(metric.map_name);
    return names;
}

const PathConfig* Manifest::path(Direction direction) const {
    for (const PathConfig& candidate : paths) {
        if (candidate.direction == direction)
            return &candidate;
    }
    return nullptr;
}

// Manifest → JSON, leaving out what is as it would be anyway.

namespace {

using Json = nlohmann::ordered_json;

void put_text(Json& object, const char* key, const std::string& text) {
    if (!text.empty())
        object[key] = text;
}

Json label_json(const Label& label) {
    Json object = {{"name", label.name}};
    if (label.field.empty())
        object["value"] = label.value;
    else
        object["field"] = label.field;
    return object;
}

Json buckets_json(const Buckets& buckets) {
    Json object = {{"scale", to_string(buckets.scale)}};
    put_text(object, "key", buckets.key);
    if (!buckets.key.empty())
        object["count"] = buckets.count;
    if (buckets.scale == BucketScale::linear) {
        object["min"] = buckets.min;
        object["width"] = buckets.width;
    }
    if (buckets.multiplier != 1)
        object["multiplier"] = buckets.multiplier;
    put_text(object, "sum", buckets.sum);
    return object;
}

Json series_json(const Series& series) {
    Json object = Json::object();
    put_text(object, "name", series.name);
    put_text(object, "field", series.field);
    if (series.type)
        object["type"] = to_string(*series.type);
    put_text(object, "unit", series.unit);
    put_text(object, "help", series.help);
    if (series.buckets)
        object["buckets"] = buckets_json(*series.buckets);
    return object;
}

Json open_metrics_json(const OpenMetrics& metrics) {
    Json object = {{"help", metrics.help}, {"type", to_string(metrics.type)}};
    for (const Label& label : metrics.labels)
        object["labels"].push_back(label_json(label));
    for (const Series& series : metrics.series)
        object["series"].push_back(series_json(series));
    if (metrics.buckets)
        object["buckets"] = buckets_json(*metrics.buckets);
    if (metrics.max_series != OpenMetrics::preset_series)
        object["max-series"] = metrics.max_series;
    return object;
}

Json metric_json(const MetricConfig& metric) {
    Json object = {{"name", metric.name}, {"map-name", metric.map_name}};
    put_text(object, "help", metric.help);
    if (metric.swap_on_read)
        object["extraction-options"]["swap-on-read"] = true;
    if (metric.empty_on_read)
        object["extraction-options"]["empty-on-read"] = true;
    if (metric.open_metrics)
        object["open-metrics-metadata"] = open_metrics_json(*metric.open_metrics);
    if (metric.merge)
        object["merge"] = to_string(*metric.merge);
    for (const auto& [path, merge] : metric.merge_fields)
        object["merge-fields"][path] = to_string(merge);
    for (const auto& [path, format] : metric.formats)
        object["formats"][path] = format;
    for (const std::string& path : metric.columns)
        object["columns"].push_back(path);
    return object;
}

Json path_json(const PathConfig& path) {
    Json object = Json::object();
    put_text(object, "name", path.name);
    put_text(object, "program", path.program);
    put_text(object, "xdp-program", path.xdp_program);
    for (const MetricConfig& metric : path.metrics)
        object["metric-configs"].push_back(metric_json(metric));
    return object;
}

Json parameter_json(const Parameter& parameter) {
    Json object = {{"name", parameter.name}};
    put_text(object, "help", parameter.help);
    if (parameter.preset)
        object["default"] = *parameter.preset;
    if (parameter.min)
        object["min"] = *parameter.min;
    if (parameter.max)
        object["max"] = *parameter.max;
    return object;
}

Json map_json(const MapConfig& map) {
    Json object = Json::object();
    std::string product;
    for (const std::string& factor : map.max_entries)
        product += (product.empty() ? "" : " * ") + factor;
    put_text(object, "max-entries", product);
    put_text(object, "type", map.type);
    return object;
}

} // namespace

std::string manifest_to_json(const Manifest& manifest) {
    Json object = {{"name", manifest.name}};
    put_text(object, "description", manifest.description);
    put_text(object, "object", manifest.object);
    if (manifest.hook != HookKind::tc)
        object["hook"] = to_string(manifest.hook);
    if (manifest.xdp_mode != XdpMode::native)
        object["xdp"]["mode"] = to_string(manifest.xdp_mode);
    if (manifest.xdp_fallback_generic)
        object["xdp"]["fallback"] = "generic";
    if (manifest.may_drop())
        object["verdict"] = "drop";
    for (const Power power : manifest.may)
        if (power != Power::drop)
            object["may"].push_back(to_string(power));
    for (const Parameter& parameter : manifest.parameters)
        object["parameters"].push_back(parameter_json(parameter));
    std::map<std::string, Json> maps; // in an order that does not depend on the file
    for (const MapConfig& map : manifest.maps)
        maps[map.name] = map_json(map);
    if (!maps.empty())
        object["maps"] = maps;
    if (manifest.imported) {
        Json& imported = object["imported"] = {{"document", manifest.imported->document}};
        put_text(imported, "ingress", manifest.imported->ingress);
        put_text(imported, "egress", manifest.imported->egress);
    }
    for (const PathConfig& path : manifest.paths)
        object[path.direction == Direction::ingress ? "ingress-path" : "egress-path"] =
            path_json(path);
    // A derived manifest can hold names from an object: replacing keeps the record readable.
    return json_text(object);
}

} // namespace dynmon
