// SPDX-License-Identifier: BSD-2-Clause
// Gathers the series of a metric entry by entry, and joins them with others.
#include "format/series_table.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "format/metric_text.hpp"

namespace dynmon {

namespace {

// A sum over CPUs may have more than 64 bits. A counter begins again at 0 there, which its readers
// know; a gauge stays at the largest number.
std::uint64_t sum_bits(const Scalar& scalar, bool adds_up, const std::byte* root) {
    const unsigned __int128 sum = load_integer(scalar, root);
    if (adds_up)
        return static_cast<std::uint64_t>(sum);
    if (!scalar.is_signed)
        return static_cast<std::uint64_t>(std::min<unsigned __int128>(sum, UINT64_MAX));
    const auto value = static_cast<__int128>(sum);
    return static_cast<std::uint64_t>(std::clamp<__int128>(value, INT64_MIN, INT64_MAX));
}

// One number of a row: an integer of 64 bits, or the bits of a double.
std::uint64_t number_bits(const Scalar& scalar, bool is_real, bool adds_up, const std::byte* root) {
    const std::byte* const at = root + scalar.offset;
    if (scalar.op == Scalar::Op::u64 && !is_real)
        return load<std::uint64_t>(at);
    if (scalar.op == Scalar::Op::u32 && !is_real)
        return load<std::uint32_t>(at);
    if (scalar.op == Scalar::Op::real16 || scalar.op == Scalar::Op::real32 ||
        scalar.op == Scalar::Op::real64)
        return std::bit_cast<std::uint64_t>(load_real(scalar, root));
    if (scalar.size == 16 && !is_real)
        return sum_bits(scalar, adds_up, root);
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

// Of a host-order integer its value, of anything else its first bytes: both sort as people would.
std::uint64_t sort_key(const Layout* first, std::string_view id) {
    std::uint64_t key = 0;
    const std::size_t size = std::min<std::size_t>(first ? first->size : id.size(), 8);
    std::memcpy(&key, id.data(), size);
    const bool number = first && holds_number(*first) && first->size <= 8 &&
                        first->semantic != Semantic::ipv4 && !is_network_order(*first);
    if (!number)
        return __builtin_bswap64(key);
    const std::uint64_t sign = std::uint64_t{1} << (size * 8 - 1);
    return first->is_signed ? key ^ sign : key;
}

} // namespace

void SeriesTable::add(const Batch& raw) {
    const Batch batch = merged_ ? merged_->merge(raw) : raw;
    for (std::size_t i = 0; i < batch.count; ++i) {
        const std::byte* key = batch.keys + i * batch.key_stride;
        const std::byte* value = batch.values + i * batch.value_stride;
        if (!cpu_) {
            add_row(key, value, 0);
            continue;
        }
        for (std::uint32_t cpu = 0; cpu < metric_.cpus; ++cpu)
            add_row(key, value + cpu * cpu_stride(metric_), cpu);
    }
    cut();
}

void SeriesTable::add_row(const std::byte* key, const std::byte* value, std::uint32_t cpu) {
    for (const LabelSource& label : labels_)
        if (label.from)
            copy_label(label, key, id_.data());
    if (index_)
        std::memcpy(id_.data() + index_->offset, key, index_->size);
    if (cpu_)
        std::memcpy(id_.data() + cpu_->offset, &cpu, cpu_->size);
    const std::uint32_t found = rows_.find_or_add(id_.data());
    if (has_gauges_)
        rows_.mark(found);
    std::uint64_t* const into = rows_.numbers(found);
    for (const ValueSource& source : values_) {
        const std::size_t first = source.family.first;
        if (source.family.histogram)
            add_counts(source, key, value, into);
        else
            combine(into, first, number_bits(source.scalar, is_real(first), adds_up(first), value));
    }
}

void SeriesTable::add_counts(const ValueSource& source, const std::byte* key,
                             const std::byte* value, std::uint64_t* row) const {
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
        combine(row, sum, number_bits(source.sum, is_real(sum), true, value));
}

void SeriesTable::combine(std::uint64_t* row, std::size_t number, std::uint64_t bits) const {
    std::uint64_t& sum = row[number];
    if (!adds_up(number))
        sum = bits;
    else if (is_real(number))
        sum =
            std::bit_cast<std::uint64_t>(std::bit_cast<double>(sum) + std::bit_cast<double>(bits));
    else
        sum += bits;
}

std::vector<std::uint32_t> SeriesTable::sorted_rows() const {
    const Layout* first = nullptr;
    for (auto label = labels_.rbegin(); label != labels_.rend(); ++label)
        if (label->from)
            first = &label->slot;
    if (!first && index_)
        first = &*index_;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> order;
    order.reserve(rows_.size());
    for (std::uint32_t i = 0; i < rows_.size(); ++i)
        order.emplace_back(sort_key(first, rows_.id(i)), i);
    std::sort(order.begin(), order.end(), [this](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : rows_.id(a.second) < rows_.id(b.second);
    });
    std::vector<std::uint32_t> sorted;
    sorted.reserve(order.size());
    for (const auto& [key, i] : order)
        sorted.push_back(i);
    for (const Rest rest : {Rest::other, Rest::ended})
        if (has_rest(rest))
            sorted.push_back(rest_row(rest));
    return sorted;
}

void SeriesTable::add_total(const std::byte* id, const std::uint64_t* values) {
    const std::uint32_t into = rows_.find_or_add(reinterpret_cast<const char*>(id));
    rows_.keep(into);
    for (std::size_t i = 0; i < numbers_.size(); ++i)
        if (adds_up(i))
            combine(rows_.numbers(into), i, values[i]);
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

void SeriesTable::clear_sums(std::uint32_t row) {
    for (std::size_t i = 0; i < numbers_.size(); ++i)
        if (adds_up(i))
            rows_.numbers(row)[i] = 0;
}

void SeriesTable::clear_sums() {
    for (std::uint32_t row = 0; row < rows_.size(); ++row)
        clear_sums(row);
    for (std::vector<std::uint64_t>& rest : rests_)
        rest.clear();
}

void SeriesTable::absorb(const SeriesTable& other) {
    if (!has_shape_of(other))
        return;
    for (const Rest rest : {Rest::other, Rest::ended})
        if (other.has_rest(rest))
            add_rest(rest, other.rest_numbers(rest).data());
    for (std::uint32_t from = 0; from < other.rows_.size(); ++from) {
        const std::uint32_t into = rows_.find_or_add(other.rows_.id(from).data());
        if (other.rows_.is_marked(from))
            rows_.mark(into);
        for (std::size_t i = 0; i < numbers_.size(); ++i)
            if (other.is_set(from, i))
                combine(rows_.numbers(into), i, other.rows_.numbers(from)[i]);
    }
    cut();
}

} // namespace dynmon
