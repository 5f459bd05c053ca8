// Gathers the series of a metric: labels from the key into an id, numbers from the value.
#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.hpp"
#include "export/metric_text.hpp"
#include "export/openmetrics.hpp"
#include "layout/path.hpp"
#include "layout/scalar.hpp"

namespace dynmon {

namespace {

constexpr std::string_view total_suffix = "_total";

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

std::uint64_t bits_of(const Number& number) {
    switch (number.kind) {
    case Number::Kind::u64:
        return number.u;
    case Number::Kind::i64:
        return static_cast<std::uint64_t>(number.i);
    case Number::Kind::f64:
        return std::bit_cast<std::uint64_t>(number.f);
    }
    return 0;
}

MetricType shown_type(MetricType type) {
    const bool flat = type == MetricType::counter || type == MetricType::gauge;
    return flat ? type : MetricType::untyped; // one number is no histogram
}

std::string family_name(const std::string& name, MetricType type) {
    std::string family = metric_name(name);
    if (type == MetricType::counter && family.size() > total_suffix.size() &&
        family.ends_with(total_suffix))
        family.resize(family.size() - total_suffix.size());
    return family;
}

// Bytes that tell two labels apart, and nothing else: no neighbours of a bitfield, nothing behind
// the end of a text.
void copy_label(const Layout& from, const Layout& slot, const std::byte* key, char* id) {
    char* to = id + slot.offset;
    if (from.bit_size != 0) {
        const unsigned __int128 value = load_integer(compile_scalar(from, Style::raw), key);
        std::memcpy(to, &value, slot.size);
        return;
    }
    std::memcpy(to, key + from.offset, slot.size);
    if (from.meaning == Meaning::text)
        if (void* end = std::memchr(to, 0, slot.size))
            std::fill(static_cast<char*>(end), to + slot.size, '\0');
}

} // namespace

SeriesTable::SeriesTable(const MetricView& metric) : metric_(metric) {
    const OpenMetrics& section = metric_.open_metrics.value();
    add_labels(section);
    add_values(section);
    if (id_size_ == 0)
        id_size_ = 1;
    if (metric.cpus > 0 && !cpu_) {
        const Merge preset = metric.merge == Merge::none ? Merge::sum : metric.merge;
        merge_.emplace(metric.value, preset, metric.merge_fields);
        merged_.resize(metric.value.size);
    }
}

void SeriesTable::add_labels(const OpenMetrics& section) {
    bool of_key = false;
    for (const Label& label : section.labels) {
        if (has_label(label_name(label.name)))
            refuse(metric_, "two labels have the name '" + label_name(label.name) + "'");
        LabelSource& source = labels_.emplace_back();
        source.name = label_name(label.name);
        source.text = label.value;
        if (label.field.empty())
            continue;
        const std::unique_ptr<Layout> field = field_at(metric_, label.field, "key");
        if (!field)
            refuse(metric_,
                   "label '" + label.name + "': no field '" + label.field + "' in the key");
        if (!is_scalar(*field))
            refuse(metric_, "label '" + label.name + "': '" + label.field + "' is not one value");
        source.from = *field;
        source.slot = take_slot(*field);
        of_key = true;
    }
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
    return slot;
}

void SeriesTable::add_values(const OpenMetrics& section) {
    std::vector<Series> list = section.series;
    if (list.empty())
        list.emplace_back();
    for (const Series& series : list) {
        const std::string path = series.field.empty() ? "value" : series.field;
        const std::unique_ptr<Layout> field = field_at(metric_, path, "value");
        if (!field)
            refuse(metric_, "no field '" + path + "' in the value");
        if (!holds_number(*field))
            refuse(metric_, "'" + path + "' is not a number");
        Family family;
        family.type = shown_type(series.type.value_or(section.type));
        family.name = family_name(series.name.empty() ? metric_.name : series.name, family.type);
        family.unit = series.unit.empty() ? "" : metric_name(series.unit);
        family.help = series.help.empty() ? section.help : series.help;
        if (!family.unit.empty() && !family.name.ends_with('_' + family.unit))
            refuse(metric_, "the name '" + family.name + "' does not end with its unit '_" +
                                family.unit + "'");
        for (const ValueSource& other : values_)
            if (other.family.name == family.name)
                refuse(metric_, "two series have the name '" + family.name + "'");
        has_gauges_ = has_gauges_ || family.type == MetricType::gauge;
        values_.push_back({std::move(family), *field});
    }
}

bool SeriesTable::is_real(std::size_t value) const {
    const Layout& field = values_[value].field;
    return field.kind == Layout::Kind::real || (field.size > 8 && field.bit_size == 0);
}

bool SeriesTable::is_signed(std::size_t value) const {
    return !is_real(value) && values_[value].field.is_signed;
}

bool SeriesTable::adds_up(std::size_t value) const {
    return values_[value].family.type != MetricType::gauge;
}

bool SeriesTable::is_set(const std::string& id, std::size_t value) const {
    return adds_up(value) || read_.contains(id);
}

bool SeriesTable::has_label(std::string_view name) const {
    return std::any_of(labels_.begin(), labels_.end(),
                       [&](const LabelSource& label) { return label.name == name; });
}

void SeriesTable::add(const Batch& batch) {
    for (std::size_t i = 0; i < batch.count; ++i) {
        const std::byte* key = batch.keys + i * batch.key_stride;
        const std::byte* value = batch.values + i * batch.value_stride;
        if (merge_) {
            merge_->merge(value, metric_.cpus, cpu_stride(metric_), merged_.data());
            value = merged_.data();
        }
        if (!cpu_) {
            add_row(key, value, 0);
            continue;
        }
        for (std::uint32_t cpu = 0; cpu < metric_.cpus; ++cpu)
            add_row(key, value + cpu * cpu_stride(metric_), cpu);
    }
}

void SeriesTable::add_row(const std::byte* key, const std::byte* value, std::uint32_t cpu) {
    id_.assign(id_size_, '\0');
    for (const LabelSource& label : labels_)
        if (label.from)
            copy_label(*label.from, label.slot, key, id_.data());
    if (index_)
        std::memcpy(id_.data() + index_->offset, key, index_->size);
    if (cpu_)
        std::memcpy(id_.data() + cpu_->offset, &cpu, cpu_->size);
    std::vector<std::uint64_t>* into = row(id_);
    if (!into)
        return;
    if (has_gauges_)
        read_.insert(id_);
    for (std::size_t i = 0; i < values_.size(); ++i)
        combine(*into, i, bits_of(read_number(values_[i].field, value)));
}

std::vector<std::uint64_t>* SeriesTable::row(const std::string& id) {
    const auto found = rows_.find(id);
    if (found != rows_.end())
        return &found->second;
    if (rows_.size() >= metric_.open_metrics->max_series) {
        ++overflowed_;
        return nullptr;
    }
    return &rows_.emplace(id, std::vector<std::uint64_t>(values_.size())).first->second;
}

void SeriesTable::combine(std::vector<std::uint64_t>& row, std::size_t value,
                          std::uint64_t bits) const {
    std::uint64_t& sum = row[value];
    if (!adds_up(value))
        sum = bits;
    else if (is_real(value))
        sum =
            std::bit_cast<std::uint64_t>(std::bit_cast<double>(sum) + std::bit_cast<double>(bits));
    else
        sum += bits;
}

void SeriesTable::add_total(const std::byte* id, const std::uint64_t* values) {
    const std::string key(reinterpret_cast<const char*>(id), id_size_);
    std::vector<std::uint64_t>* into = row(key);
    if (!into)
        return;
    for (std::size_t i = 0; i < values_.size(); ++i)
        if (adds_up(i))
            combine(*into, i, values[i]);
}

bool SeriesTable::has_shape_of(const SeriesTable& other) const {
    const auto same_label = [](const LabelSource& a, const LabelSource& b) {
        return a.name == b.name && a.text == b.text && a.slot.offset == b.slot.offset &&
               a.slot.size == b.slot.size;
    };
    const auto same_value = [](const ValueSource& a, const ValueSource& b) {
        return a.family.name == b.family.name && a.family.type == b.family.type &&
               a.field.kind == b.field.kind;
    };
    return id_size_ == other.id_size_ &&
           std::equal(labels_.begin(), labels_.end(), other.labels_.begin(), other.labels_.end(),
                      same_label) &&
           std::equal(values_.begin(), values_.end(), other.values_.begin(), other.values_.end(),
                      same_value);
}

void SeriesTable::absorb(const SeriesTable& other, bool sums) {
    if (!has_shape_of(other))
        return;
    overflowed_ += other.overflowed_;
    if (!sums && !has_gauges_)
        return;
    for (const auto& [id, values] : other.rows_) {
        std::vector<std::uint64_t>* into = row(id);
        if (!into)
            continue;
        if (other.read_.contains(id))
            read_.insert(id);
        for (std::size_t i = 0; i < values_.size(); ++i)
            if ((sums || !adds_up(i)) && other.is_set(id, i))
                combine(*into, i, values[i]);
    }
}

std::string SeriesTable::label_list(const std::string& id) const {
    const auto* bytes = reinterpret_cast<const std::byte*>(id.data());
    std::string list;
    const auto add = [&](std::string_view name, std::string_view text) {
        if (!list.empty())
            list += ',';
        append_label(name, text, list);
    };
    const auto add_field = [&](std::string_view name, const Layout& slot) {
        std::string text;
        append_scalar(slot, Style::people, bytes, text);
        add(name, text);
    };
    for (const LabelSource& label : labels_) {
        if (label.from)
            add_field(label.name, label.slot);
        else
            add(label.name, label.text);
    }
    if (index_ && rows_.size() > 1)
        add_field("index", *index_);
    if (cpu_)
        add_field("cpu", *cpu_);
    if (!has_label("direction"))
        add("direction", to_string(metric_.direction));
    return list;
}

} // namespace dynmon
