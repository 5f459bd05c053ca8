// SPDX-License-Identifier: BSD-2-Clause
#include "decode/check.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/limits.hpp"
#include "base/map_type.hpp"
#include "btf/layout.hpp"
#include "btf/map_limits.hpp"
#include "decode/decode_plan.hpp"
#include "decode/map_shapes.hpp"
#include "decode/parameters.hpp"
#include "object/object.hpp"
#include "object/probe.hpp"

namespace dynmon {

namespace {

class ParameterCheck {
public:
    ParameterCheck(const Object& object, std::vector<Diagnostic>& found)
        : object_(object), found_(found) {}

    void check(const Parameter& parameter) {
        const GlobalInfo* global = object_.global(parameter.name);
        if (global == nullptr)
            return add_missing(parameter);
        try {
            check_values(parameter, ParameterType(object_, *global));
        } catch (const Error& error) {
            found_.push_back({parameter.at, error.what(), error.hint()});
        }
    }

private:
    void add_missing(const Parameter& parameter) {
        std::vector<std::string> known;
        for (const GlobalInfo& global : object_.globals())
            known.push_back(global.name);
        const std::string near = nearest_name(parameter.name, known);
        found_.push_back({parameter.at,
                          "no parameter '" + parameter.name + "' in " + object_.path(),
                          near.empty() ? "a parameter is a global 'const volatile' variable"
                                       : "did you mean '" + near + "'?"});
    }

    std::optional<WideInteger> value(const ParameterType& type, const Parameter& parameter,
                                     const std::optional<std::string>& text, Position at) {
        if (!text)
            return std::nullopt;
        try {
            return type.parse(*text);
        } catch (const Error& error) {
            found_.push_back(
                {at, "parameter '" + parameter.name + "': " + error.what(), error.hint()});
            return std::nullopt;
        }
    }

    void check_values(const Parameter& parameter, const ParameterType& type) {
        const auto preset = value(type, parameter, parameter.preset, parameter.preset_at);
        const auto min = value(type, parameter, parameter.min, parameter.min_at);
        const auto max = value(type, parameter, parameter.max, parameter.max_at);
        const std::string name = "parameter '" + parameter.name + "': ";
        if (min && max && *min > *max)
            found_.push_back({parameter.max_at, name + "the maximum is below the minimum", ""});
        else if (preset && min && *preset < *min)
            found_.push_back({parameter.preset_at, name + "the default is below the minimum", ""});
        else if (preset && max && *preset > *max)
            found_.push_back({parameter.preset_at, name + "the default is above the maximum", ""});
    }

    const Object& object_;
    std::vector<Diagnostic>& found_;
};

void check_program(const Manifest& manifest, const Object& object, const PathConfig& path,
                   HookKind kind, Position at, std::vector<Diagnostic>& found) {
    try {
        select_program(manifest, object, path.direction, kind);
    } catch (const Error& error) {
        found.push_back({at, error.what(), error.hint()});
    }
}

// What is named must be right; what is not named matters for the hook that `load` takes by itself.
void check_programs(const Manifest& manifest, const Object& object, const PathConfig& path,
                    std::vector<Diagnostic>& found) {
    const bool ingress = path.direction == Direction::ingress;
    const bool default_xdp = ingress && manifest.hook == HookKind::xdp;
    if (!path.program.empty() || !default_xdp)
        check_program(manifest, object, path, HookKind::tc,
                      path.program.empty() ? path.at : path.program_at, found);
    if (ingress && (!path.xdp_program.empty() || default_xdp))
        check_program(manifest, object, path, HookKind::xdp,
                      path.xdp_program.empty() ? path.at : path.xdp_program_at, found);
}

// With the defaults; what is wrong with a default itself was reported above.
void check_maps(const Manifest& manifest, const Object& object, std::vector<Diagnostic>& found) {
    if (!found.empty())
        return;
    std::vector<MapShape> shapes;
    const std::vector<GlobalValue> presets = manifest.maps.empty()
                                                 ? std::vector<GlobalValue>()
                                                 : resolve_parameters(manifest, object, {});
    for (const MapConfig& map : manifest.maps) {
        try {
            shapes.push_back(resolve_map(map, object, presets));
        } catch (const Error& error) {
            found.push_back({map.at, error.what(), error.hint()});
        }
    }
    for (const MapInfo& map : object.maps())
        if (const std::string fault = map_fault(shaped(map, shapes)); !fault.empty())
            found.push_back({{}, "map '" + map.name + "' " + fault, map_fault_hint});
}

void check_pins(const Object& object, std::vector<Diagnostic>& found) {
    std::map<std::string, std::string> taken; // pin -> map
    for (const MapInfo& map : object.maps()) {
        const auto [other, is_free] = taken.emplace(pin_name(map.name), map.name);
        if (!is_free)
            found.push_back({{},
                             "maps '" + other->second + "' and '" + map.name + "' of " +
                                 object.path() + " would be pinned under one name",
                             "rename the one that is no section"});
    }
}

} // namespace

std::vector<Diagnostic> check_probe(const Manifest& manifest, const Object& object) {
    std::vector<Diagnostic> found;
    ParameterCheck parameters(object, found);
    for (const Parameter& parameter : manifest.parameters)
        parameters.check(parameter);
    check_maps(manifest, object, found);
    check_pins(object, found);
    for (const PathConfig& path : manifest.paths) {
        check_programs(manifest, object, path, found);
        for (const MetricConfig& metric : path.metrics)
            check_metric(metric, object, found);
    }
    std::stable_sort(found.begin(), found.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::pair(a.at.line, a.at.column) < std::pair(b.at.line, b.at.column);
    });
    return found;
}

namespace {

// Key and value of a map as trees; no key for queue and stack.
struct MapLayouts {
    std::optional<Layout> key;
    std::optional<Layout> value;
};

class MetricCheck {
public:
    MetricCheck(const MetricConfig& metric, const Object& object, std::vector<Diagnostic>& found)
        : metric_(metric), object_(object), found_(found) {}

    void run() {
        map_ = find_map();
        if (map_ == nullptr)
            return;
        check_options();
        layouts_.value = layout("value", map_->value_type_id, map_->value_size);
        if (map_->key_size > 0)
            layouts_.key = layout("key", map_->key_type_id, map_->key_size);
        for (const auto& [path, format] : metric_.formats)
            check_format(path, format);
        for (const std::string& path : metric_.columns)
            check_column(path);
        if (layouts_.value)
            check_merges(as_formatted(*layouts_.value));
        if (metric_.open_metrics)
            check_open_metrics(*metric_.open_metrics);
    }

private:
    void add(Position at, std::string message, std::string hint = "") {
        found_.push_back({at, std::move(message), std::move(hint)});
    }
    void add(Position at, const Error& error) { add(at, error.what(), error.hint()); }
    std::string map_text() const { return "map '" + metric_.map_name + "'"; }

    // A manifest that was not parsed but made has no places.
    Position place(const std::map<std::string, Position>& places, const std::string& path) const {
        const auto found = places.find(path);
        return found == places.end() ? metric_.at : found->second;
    }

    const MapInfo* find_map() {
        const MapInfo* map = object_.map(metric_.map_name);
        if (map == nullptr) {
            std::vector<std::string> known;
            for (const MapInfo& other : object_.maps()) {
                if (is_readable(other.type) && !other.global_data)
                    known.push_back(other.name);
            }
            const std::string near = nearest_name(metric_.map_name, known);
            add(metric_.map_at, "no " + map_text() + " in " + object_.path(),
                near.empty() ? "" : "did you mean '" + near + "'?");
            return nullptr;
        }
        if (!is_readable(map->type)) {
            add(metric_.map_at,
                map_text() + " is of type " + map_type_name(map->type) +
                    ", which has no entries to read",
                "hash, array, their LRU and per-CPU kinds, LPM trie, queue and stack can be read");
            return nullptr;
        }
        if ((map->flags & BPF_F_WRONLY) != 0) {
            add(metric_.map_at, map_text() + " cannot be read from user space (BPF_F_WRONLY)");
            return nullptr;
        }
        return map;
    }

    void check_options() {
        const bool read_only = (map_->flags & BPF_F_RDONLY) != 0;
        if (read_only && metric_.empty_on_read)
            add(metric_.empty_at,
                map_text() + " cannot be emptied: user space may only read it (BPF_F_RDONLY)");
        if (read_only && metric_.swap_on_read)
            add(metric_.swap_at,
                map_text() + " cannot be swapped: user space may only read it (BPF_F_RDONLY)");
        if (map_->global_data && metric_.empty_on_read)
            add(metric_.empty_at, map_text() + " cannot be emptied: it holds the variables of the "
                                               "program, which count on what they start with");
        if (map_->global_data && metric_.swap_on_read)
            add(metric_.swap_at,
                map_text() + " cannot be swapped: it holds the variables of the program");
        if (metric_.merge && !is_per_cpu(map_->type))
            add(metric_.merge_at, map_text() + " is not per CPU: there is nothing to merge");
    }

    std::optional<Layout> layout(const char* root, std::uint32_t type_id, std::uint32_t size) {
        if (type_id == 0)
            return untyped_layout(size);
        try {
            Layout built = build_layout(object_.types(), type_id, size, root);
            if (map_->type == BPF_MAP_TYPE_LPM_TRIE && root == std::string_view("key"))
                mark_trie_key(built);
            return built;
        } catch (const Error& error) {
            add(metric_.map_at, map_text() + ": " + error.what(), error.hint());
            return std::nullopt;
        }
    }

    void check_format(const std::string& path, const std::string& format) {
        const Position at = place(metric_.formats_at, path);
        const bool of_key = path.starts_with("key");
        if (of_key && map_->key_size == 0)
            return add(at, "format of '" + path + "': " + map_text() + " has no keys");
        if (!(of_key ? layouts_.key : layouts_.value))
            return; // has been reported
        const std::uint32_t type_id = of_key ? map_->key_type_id : map_->value_type_id;
        if (type_id == 0)
            return add(at, "format of '" + path + "': " + map_text() + " has no BTF types",
                       "define it with __type(key, …) and __type(value, …)");
        try {
            build_layout(object_.types(), type_id, of_key ? map_->key_size : map_->value_size,
                         of_key ? "key" : "value", {{path, format}});
        } catch (const Error& error) {
            add(at, error);
        }
    }

    void check_column(const std::string& path) {
        const bool of_key = path.starts_with("key");
        const std::optional<Layout>& root = of_key ? layouts_.key : layouts_.value;
        const Position at = place(metric_.columns_at, path);
        if (of_key && map_->key_size == 0)
            add(at, "column '" + path + "': " + map_text() + " has no keys");
        else if (root && !find_field(*root, below_root(path)))
            add(at, "column '" + path + "': " + map_text() + " has no such field",
                field_hint(*root, of_key ? "key" : "value", path));
    }

    // With the formats of the manifest, if they fit: a format says what bytes stand for.
    Layout as_formatted(const Layout& value) const {
        try {
            return metric_.formats.empty() || map_->value_type_id == 0
                       ? value
                       : build_layout(object_.types(), map_->value_type_id, map_->value_size,
                                      "value", metric_.formats);
        } catch (const Error&) { // has been reported
            return value;
        }
    }

    void check_merges(const Layout& value) {
        const std::size_t before = found_.size();
        check_merge_fields(value);
        const bool said = metric_.merge || !metric_.merge_fields.empty();
        if (found_.size() > before || !said || metric_.merge == Merge::none ||
            !is_per_cpu(map_->type))
            return;
        try {
            MergePlan(value, metric_.merge.value_or(Merge::sum), metric_.merge_fields);
        } catch (const Error& error) {
            add(metric_.merge ? metric_.merge_at : metric_.at, error);
        }
    }

    void check_merge_fields(const Layout& value) {
        std::string leader;
        for (const auto& [path, merge] : metric_.merge_fields) {
            const Position at = place(metric_.merge_fields_at, path);
            if (!is_per_cpu(map_->type)) {
                add(at, map_text() + " is not per CPU: there is nothing to merge");
                return;
            }
            try {
                if (merge == Merge::leads && !std::exchange(leader, path).empty())
                    add(at, "merge of '" + path + "': another field leads already");
                std::map<std::string, Merge> rules{{path, merge}};
                if (merge == Merge::follows) // is right or wrong with what leads
                    for (const auto& entry : metric_.merge_fields)
                        if (entry.second == Merge::leads)
                            rules.insert(entry);
                MergePlan(value, Merge::first, rules); // which fits whatever has no rule
            } catch (const Error& error) {
                add(at, error);
            }
        }
    }

    void check_open_metrics(const OpenMetrics& metrics) {
        for (const Label& label : metrics.labels) {
            if (!label.field.empty())
                check_label(label);
        }
        if (!layouts_.value)
            return;
        for (const Series& series : metrics.series)
            check_series(metrics, series, series.field_at);
        if (metrics.series.empty())
            check_series(metrics, {}, metrics.at);
    }

    void check_series(const OpenMetrics& metrics, const Series& series, Position at) {
        const std::string path = series.field.empty() ? "value" : series.field;
        if (series.type.value_or(metrics.type) != MetricType::histogram)
            return check_number(path, at);
        const auto& buckets = series.buckets ? series.buckets : metrics.buckets;
        if (!buckets)
            return; // the parser has said so
        if (buckets->key.empty())
            check_counts(path, at);
        else
            check_bucket_key(*buckets, path, at);
        if (!buckets->sum.empty())
            check_number(buckets->sum, buckets->sum_at);
    }

    void check_counts(const std::string& path, Position at) {
        const auto field = find_field(*layouts_.value, below_root(path));
        if (field == nullptr || field->kind != Layout::Kind::array)
            return add(at, "'" + path + "' of " + map_text() + " is not an array of counts",
                       "name the array with the 'field' of a series, or say with 'key' which "
                       "field of the key is the number of the bucket");
        if (!is_integer(field->fields.front()))
            add(at, "the elements of '" + path + "' of " + map_text() + " are no integers");
        if (field->count == 0 || field->count > limits::buckets)
            add(at, "'" + path + "' of " + map_text() + " makes " + std::to_string(field->count) +
                        " buckets; 1 to " + std::to_string(limits::buckets) + " are possible");
    }

    void check_bucket_key(const Buckets& buckets, const std::string& path, Position at) {
        const auto count = find_field(*layouts_.value, below_root(path));
        if (count == nullptr || !is_integer(*count))
            add(at, "'" + path + "' of " + map_text() + " is no integer that could be a count",
                field_hint(*layouts_.value, "value", path));
        if (map_->key_size == 0)
            return add(buckets.key_at, map_text() + " has no keys");
        if (!layouts_.key)
            return;
        const auto number = find_field(*layouts_.key, below_root(buckets.key));
        if (number == nullptr || !is_integer(*number))
            return add(buckets.key_at,
                       "'" + buckets.key + "' of " + map_text() +
                           " is no integer that could number buckets",
                       field_hint(*layouts_.key, "key", buckets.key));
        if (is_array_like(map_->type) && buckets.count != map_->max_entries)
            add(buckets.count_at, map_text() + " has " + std::to_string(map_->max_entries) +
                                      " elements, and 'count' is " + std::to_string(buckets.count));
    }

    void check_label(const Label& label) {
        if (map_->key_size == 0)
            return add(label.field_at,
                       "label '" + label.name + "': " + map_text() + " has no keys");
        if (!layouts_.key)
            return;
        const auto field = find_field(*layouts_.key, below_root(label.field));
        if (field == nullptr)
            add(label.field_at, "no field '" + label.field + "' in " + map_text(),
                field_hint(*layouts_.key, "key", label.field));
        else if (!is_scalar(*field) || field->kind == Layout::Kind::opaque)
            add(label.field_at,
                "field '" + label.field + "' has no single value that a label could show",
                field_hint(*field, label.field, label.field));
    }

    void check_number(const std::string& path, Position at) {
        const auto field = find_field(*layouts_.value, below_root(path));
        if (field == nullptr)
            add(at, "no field '" + path + "' in " + map_text(),
                field_hint(*layouts_.value, "value", path));
        else if (!is_number(*field))
            add(at, "'" + path + "' of " + map_text() + " is no number",
                is_scalar(*field)
                    ? ""
                    : "name one of its fields with 'series': " + field_hint(*field, path, path));
    }

    const MetricConfig& metric_;
    const Object& object_;
    std::vector<Diagnostic>& found_;
    const MapInfo* map_ = nullptr;
    MapLayouts layouts_;
};

} // namespace

void check_metric(const MetricConfig& metric, const Object& object,
                  std::vector<Diagnostic>& found) {
    MetricCheck(metric, object, found).run();
}

} // namespace dynmon
