// SPDX-License-Identifier: BSD-2-Clause
#include "decode/check_metric.hpp"

#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/limits.hpp"
#include "base/map_type_name.hpp"
#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "decode/metric_fields.hpp"
#include "object/object.hpp"

namespace dynmon {

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
