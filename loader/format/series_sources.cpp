// SPDX-License-Identifier: BSD-2-Clause
// What the series of a metric are made of: labels from the key, numbers from the value.
#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "btf/path.hpp"
#include "decode/merge_rule.hpp"
#include "format/metric_text.hpp"
#include "format/series_table.hpp"

namespace dynmon {

namespace {

constexpr std::string_view total_suffix = "_total";
constexpr std::string_view rest_label = "dynmon_series";

[[noreturn]] void refuse(const MetricView& metric, const std::string& reason) {
    throw Error(ErrorKind::usage, "metric '" + metric.name + "': " + reason);
}

Layout whole_integer(std::uint32_t size) {
    Layout integer;
    integer.kind = Layout::Kind::integer;
    integer.size = size;
    return integer;
}

std::unique_ptr<Layout> field_at(const MetricView& metric, const std::string& path,
                                 std::string_view root) {
    std::string_view rest;
    const Layout* layout = root == "value" ? &metric.value : metric.key ? &*metric.key : nullptr;
    if (!layout || !split_root(path, root, rest))
        return nullptr;
    return find_field(*layout, rest);
}

std::string family_name(const std::string& name, MetricType type) {
    std::string family = metric_name(name);
    if (type == MetricType::counter && family.size() > total_suffix.size() &&
        family.ends_with(total_suffix))
        family.resize(family.size() - total_suffix.size());
    return family;
}

bool holds_integer(const Layout& field) {
    return holds_number(field) && field.kind != Layout::Kind::real &&
           (field.size <= 8 || field.is_sum || (field.bit_size != 0 && field.bit_size <= 64));
}

// Is the key, or a part of it, the number of a bucket?
bool numbers_buckets(const OpenMetrics& section, const Series& series) {
    const auto& buckets = series.buckets ? series.buckets : section.buckets;
    return series.type.value_or(section.type) == MetricType::histogram && buckets &&
           !buckets->key.empty();
}

bool is_wide(const Layout& field) { // beyond 64 bits: taken as a double
    return field.size > 8 && field.bit_size == 0 && !field.is_sum;
}

} // namespace

SeriesTable::SeriesTable(const MetricView& metric) : metric_(metric) {
    const OpenMetrics& section = metric_.open_metrics.value();
    add_labels(section);
    if (metric.cpus > 0 && !cpu_)
        merge_cpus();
    add_values(section);
    if (id_size_ == 0)
        id_size_ = 1;
    rows_.set_shape(id_size_, numbers_.size());
    id_.assign(id_size_, '\0');
}

// Only numbers become series, whatever else is in the value.
void SeriesTable::merge_cpus() {
    MetricView rules = metric_;
    if (rules.merge == Merge::none)
        rules.merge = Merge::sum;
    rules.merge_fields = with_rules_for_bytes(rules.value, rules.merge_fields);
    merged_.emplace(rules);
    metric_ = merged_->view();
}

void SeriesTable::add_labels(const OpenMetrics& section) {
    bool of_key = false;
    for (const Label& label : section.labels) {
        if (has_label(label_name(label.name)))
            refuse(metric_, "two labels have the name '" + label_name(label.name) + "'");
        if (label_name(label.name) == rest_label)
            refuse(metric_, "the label '" + label.name + "' has a name that is dynmon's own");
        LabelSource& source = labels_.emplace_back();
        source.name = label_name(label.name);
        source.text = label.value;
        if (label.field.empty()) {
            append_label(source.name, source.text, source.fixed);
            continue;
        }
        const std::unique_ptr<Layout> field = field_at(metric_, label.field, "key");
        if (!field)
            refuse(metric_,
                   "label '" + label.name + "': no field '" + label.field + "' in the key");
        if (!is_scalar(*field))
            refuse(metric_, "label '" + label.name + "': '" + label.field + "' is not one value");
        source.from = *field;
        source.bits = compile_scalar(*field, Style::raw);
        source.slot = take_slot(*field);
        source.text_of = compile_scalar(source.slot, Style::decoded);
        of_key = true;
    }
    for (const Series& series : section.series)
        of_key = of_key || numbers_buckets(section, series);
    of_key = of_key || (section.series.empty() && numbers_buckets(section, {}));
    const bool array = is_array_like(metric_.map_type) && metric_.key.has_value();
    if (array && !of_key && !has_label("index"))
        index_ = take_slot(whole_integer(4));
    if (metric_.cpus > 0 && metric_.merge == Merge::none && !has_label("cpu"))
        cpu_ = take_slot(whole_integer(4));
}

// The field as it stands in the id.
Layout SeriesTable::take_slot(const Layout& field) {
    Layout slot = field;
    if (field.bit_size != 0) {
        slot.size = field.bit_size <= 64 ? 8 : 16;
        slot.bit_offset = 0; // its width stays: it says where the sign is
    }
    slot.offset = static_cast<std::uint32_t>(id_size_);
    slot.fields.resize(std::min<std::size_t>(slot.fields.size(), 1)); // of an array: its element
    id_size_ += slot.size;
    if (slot.version_at != 0) { // in a byte behind the address
        slot.version_at = static_cast<std::int32_t>(slot.size);
        ++id_size_;
    }
    return slot;
}

void SeriesTable::add_values(const OpenMetrics& section) {
    std::vector<Series> list = section.series;
    if (list.empty())
        list.emplace_back();
    for (const Series& series : list) {
        ValueSource source{
            .family = make_family(section, series), .scalar = {}, .bucket = {}, .sum = {}};
        for (const ValueSource& other : values_)
            if (other.family.name == source.family.name)
                refuse(metric_, "two series have the name '" + source.family.name + "'");
        if (source.family.type != MetricType::histogram) {
            add_plain(std::move(source), series);
            continue;
        }
        const auto& buckets = series.buckets ? series.buckets : section.buckets;
        if (!buckets)
            refuse(metric_, "the histogram '" + source.family.name + "' has no buckets");
        add_histogram(std::move(source), series, *buckets);
    }
}

SeriesTable::Family SeriesTable::make_family(const OpenMetrics& section,
                                             const Series& series) const {
    Family family;
    family.type = series.type.value_or(section.type);
    family.name = family_name(series.name.empty() ? metric_.name : series.name, family.type);
    family.unit = series.unit.empty() ? "" : metric_name(series.unit);
    family.help = series.help.empty() ? section.help : series.help;
    family.first = numbers_.size();
    if (!family.unit.empty() && !family.name.ends_with('_' + family.unit))
        refuse(metric_,
               "the name '" + family.name + "' does not end with its unit '_" + family.unit + "'");
    return family;
}

Layout SeriesTable::number_field(const std::string& path, std::string_view root) const {
    const std::unique_ptr<Layout> field = field_at(metric_, path, root);
    if (!field)
        refuse(metric_, "no field '" + path + "' in the " + std::string(root));
    if (!holds_number(*field))
        refuse(metric_, "'" + path + "' is not a number");
    return *field;
}

Scalar SeriesTable::add_number(const Layout& field, bool adds_up) {
    const bool is_real = field.kind == Layout::Kind::real || is_wide(field);
    numbers_.push_back({is_real, !is_real && field.is_signed, adds_up});
    Scalar scalar = compile_scalar(field, Style::decoded);
    scalar.enumerators = nullptr; // the number is wanted, and the names would have to be kept alive
    return scalar;
}

void SeriesTable::add_plain(ValueSource source, const Series& series) {
    const bool gauge = source.family.type == MetricType::gauge;
    has_gauges_ = has_gauges_ || gauge;
    source.scalar =
        add_number(number_field(series.field.empty() ? "value" : series.field, "value"), !gauge);
    values_.push_back(std::move(source));
}

void SeriesTable::add_histogram(ValueSource source, const Series& series, const Buckets& buckets) {
    const std::string path = series.field.empty() ? "value" : series.field;
    const std::unique_ptr<Layout> field = field_at(metric_, path, "value");
    if (!field)
        refuse(metric_, "no field '" + path + "' in the value");
    source.by_key = !buckets.key.empty();
    const bool is_list = field->kind == Layout::Kind::array && field->count > 0;
    if (!source.by_key && !is_list)
        refuse(metric_, "'" + path + "' is not an array of counts");
    const Layout& count = source.by_key ? *field : field->fields.front();
    const std::size_t how_many = source.by_key ? buckets.count : field->count;
    if (!holds_integer(count))
        refuse(metric_, "'" + path + "' does not count: it is no integer");
    if (how_many == 0 || how_many > limits::buckets)
        refuse(metric_, "'" + path + "' makes " + std::to_string(how_many) + " buckets; 1 to " +
                            std::to_string(limits::buckets) + " are possible");
    if (source.by_key) {
        const Layout number = number_field(buckets.key, "key");
        if (!holds_integer(number))
            refuse(metric_, "'" + buckets.key + "' is no integer: it cannot number buckets");
        source.bucket = compile_scalar(number, Style::decoded);
    } else {
        source.stride = field->stride;
    }
    Histogram histogram = make_histogram(buckets, how_many);
    source.scalar = compile_scalar(count, Style::decoded);
    numbers_.insert(numbers_.end(), how_many, {false, false, true});
    if (!buckets.sum.empty()) {
        histogram.has_sum = true;
        source.sum = add_number(number_field(buckets.sum, "value"), true);
    }
    source.family.histogram = std::move(histogram);
    values_.push_back(std::move(source));
}

} // namespace dynmon
