// Gathers the series of a metric entry by entry, and joins them with others.
#include "export/series_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "export/metric_text.hpp"

namespace dynmon {

namespace {

// One number of a row: an integer of 64 bits, or the bits of a double.
std::uint64_t number_bits(const Scalar& scalar, bool is_real, const std::byte* root) {
    const std::byte* const at = root + scalar.offset;
    if (scalar.op == Scalar::Op::real32)
        return std::bit_cast<std::uint64_t>(static_cast<double>(load<float>(at)));
    if (scalar.op == Scalar::Op::real64)
        return load<std::uint64_t>(at);
    const unsigned __int128 value = load_integer(scalar, root);
    if (!is_real)
        return static_cast<std::uint64_t>(value);
    return std::bit_cast<std::uint64_t>(scalar.is_signed
                                            ? static_cast<double>(static_cast<__int128>(value))
                                            : static_cast<double>(value));
}

// A count below zero is none.
std::uint64_t count_at(const Scalar& scalar, std::size_t moved, const std::byte* root) {
    const unsigned __int128 value = load_integer(scalar, root + moved);
    return scalar.is_signed && static_cast<__int128>(value) < 0 ? 0
                                                                : static_cast<std::uint64_t>(value);
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

bool SeriesTable::is_set(const std::string& id, std::size_t number) const {
    return adds_up(number) || read_.contains(id);
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
    for (const ValueSource& source : values_) {
        const std::size_t first = source.family.first;
        if (source.family.histogram)
            add_counts(source, key, value, *into);
        else
            combine(*into, first, number_bits(source.scalar, is_real(first), value));
    }
}

void SeriesTable::add_counts(const ValueSource& source, const std::byte* key,
                             const std::byte* value, std::vector<std::uint64_t>& row) const {
    const std::size_t first = source.family.first;
    const std::size_t buckets = source.family.histogram->buckets();
    if (source.by_key) {
        const unsigned __int128 number = load_integer(source.bucket, key);
        const bool negative = source.bucket.is_signed && static_cast<__int128>(number) < 0;
        const std::size_t bucket =
            negative ? 0
                     : static_cast<std::size_t>(std::min<unsigned __int128>(number, buckets - 1));
        row[first + bucket] += count_at(source.scalar, 0, value);
    } else {
        for (std::size_t i = 0; i < buckets; ++i)
            row[first + i] += count_at(source.scalar, i * source.stride, value);
    }
    const std::size_t sum = first + buckets;
    if (source.family.histogram->has_sum)
        combine(row, sum, number_bits(source.sum, is_real(sum), value));
}

std::vector<std::uint64_t>* SeriesTable::row(const std::string& id) {
    const auto found = rows_.find(id);
    if (found != rows_.end())
        return &found->second;
    if (rows_.size() >= metric_.open_metrics->max_series) {
        ++overflowed_;
        return nullptr;
    }
    return &rows_.emplace(id, std::vector<std::uint64_t>(numbers_.size())).first->second;
}

void SeriesTable::combine(std::vector<std::uint64_t>& row, std::size_t number,
                          std::uint64_t bits) const {
    std::uint64_t& sum = row[number];
    if (!adds_up(number))
        sum = bits;
    else if (is_real(number))
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
    for (std::size_t i = 0; i < numbers_.size(); ++i)
        if (adds_up(i))
            combine(*into, i, values[i]);
}

std::string SeriesTable::shape() const {
    std::string text;
    for (const LabelSource& label : labels_) {
        append_label(label.name, label.text, text);
        text += ' ' + std::to_string(label.slot.size) + '\n';
    }
    for (const ValueSource& source : values_) {
        text += source.family.name + ' ' + to_string(source.family.type);
        if (source.family.histogram)
            for (const double bound : source.family.histogram->bounds) {
                text += ' ';
                append_bound(bound, text);
            }
        text += '\n';
    }
    for (const Number& number : numbers_)
        text += number.is_real ? 'f' : number.is_signed ? 'i' : 'u';
    return text;
}

bool SeriesTable::has_shape_of(const SeriesTable& other) const {
    return id_size_ == other.id_size_ && shape() == other.shape();
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
        for (std::size_t i = 0; i < numbers_.size(); ++i)
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
