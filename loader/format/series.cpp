// SPDX-License-Identifier: BSD-2-Clause
// Gathers the series of a metric entry by entry, and joins them with others.

#include "format/series.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "btf/layout.hpp"
#include "decode/merge_rule.hpp"
#include "format/openmetrics.hpp"

namespace dynmon {

void SeriesRows::set_shape(std::size_t id_size, std::size_t width) {
    *this = SeriesRows();
    id_size_ = id_size;
    width_ = width;
}

std::uint32_t SeriesRows::find_or_add(const char* bytes) {
    const std::string_view wanted(bytes, id_size_);
    const auto id_of = [this](std::uint32_t row) { return id(row); };
    std::size_t place = index_.place_of(wanted, id_of);
    if (index_.at(place) != none)
        return index_.at(place);
    if (index_.is_full(size())) {
        index_.rebuild(size(), id_of);
        place = index_.place_of(wanted, id_of);
    }
    const auto row = static_cast<std::uint32_t>(size());
    index_.put(place, row);
    ids_.append(wanted);
    numbers_.resize(numbers_.size() + width_);
    flags_.push_back(0);
    return row;
}

void SeriesRows::retain(const std::vector<std::uint32_t>& rows) {
    SeriesRows left;
    left.set_shape(id_size_, width_);
    for (const std::uint32_t row : rows) {
        left.ids_.append(id(row));
        left.numbers_.insert(left.numbers_.end(), numbers(row), numbers(row) + width_);
        left.flags_.push_back(flags_[row]);
    }
    left.index_.rebuild(left.size(), [&left](std::uint32_t row) { return left.id(row); });
    *this = std::move(left);
}

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

// The value of a host-order integer, else the first bytes: both sort as people would.
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

// The labels of a series: which bytes of the key tell it from others, and how they are written.

bool SeriesTable::has_label(std::string_view name) const {
    return std::any_of(labels_.begin(), labels_.end(),
                       [&](const LabelSource& label) { return label.name == name; });
}

bool SeriesTable::labels_are_distinct() const {
    return std::all_of(labels_.begin(), labels_.end(), [](const LabelSource& label) {
        if (!label.from)
            return true;
        switch (label.text_of.op) {
        case Scalar::Op::u8:
        case Scalar::Op::u16:
        case Scalar::Op::u32:
        case Scalar::Op::u64:
        case Scalar::Op::i8:
        case Scalar::Op::i16:
        case Scalar::Op::i32:
        case Scalar::Op::i64:
        case Scalar::Op::swapped16:
        case Scalar::Op::swapped32:
        case Scalar::Op::swapped64:
        case Scalar::Op::wide:
        case Scalar::Op::ipv4:
        case Scalar::Op::ipv6:
        case Scalar::Op::ip:
        case Scalar::Op::mac:
        case Scalar::Op::protocol8:
        case Scalar::Op::tcp_flags8:
            return true;
        default:
            return false;
        }
    });
}

// Bytes that tell two labels apart, and nothing else: no neighbours of a bitfield, nothing behind
// the end of a text.
void SeriesTable::copy_label(const LabelSource& label, const std::byte* key, char* id) {
    const Layout& slot = label.slot;
    char* to = id + slot.offset;
    if (label.bits.bit_size != 0) {
        const unsigned __int128 value = load_integer(label.bits, key);
        std::memcpy(to, &value, slot.size);
        return;
    }
    std::memcpy(to, key + label.bits.offset, slot.size);
    if (slot.version_at != 0) // 0 where it makes no difference to the text
        to[slot.version_at] = is_mapped(key + label.bits.offset) &&
                                      is_known_ipv6(label.bits.version_at, key + label.bits.offset)
                                  ? 6
                                  : 0;
    if (slot.semantic == Semantic::text)
        if (void* end = std::memchr(to, 0, slot.size))
            std::fill(static_cast<char*>(end), to + slot.size, '\0');
}

void SeriesTable::append_field(std::string_view name, const Scalar& slot, std::uint32_t row,
                               Cursor& out) const {
    const auto* bytes = reinterpret_cast<const std::byte*>(rows_.id(row).data());
    const bool free_text = slot.op == Scalar::Op::text || slot.op == Scalar::Op::enumeration ||
                           slot.op == Scalar::Op::interface;
    if (free_text) { // may need escaping
        std::string text;
        Cursor cursor(text);
        print_slow(slot, bytes, cursor, false);
        cursor.finish();
        std::string label;
        append_label(name, text, label);
        return out.put(label);
    }
    out.put(name);
    out.reserve(Scalar::room + 3);
    out.put('=');
    out.put('"');
    out.at = print_scalar(slot, bytes, out.at, out, false);
    out.reserve(1);
    out.put('"');
}

void SeriesTable::append_labels(std::uint32_t row, bool first, Cursor& out) const {
    const bool is_rest = row >= rows_.size();
    const auto separate = [&] {
        if (!first)
            out.put(",");
        first = false;
    };
    for (const LabelSource& label : labels_) {
        if (is_rest && label.from)
            continue;
        separate();
        if (label.from)
            append_field(label.name, label.text_of, row, out);
        else
            out.put(label.fixed);
    }
    if (is_rest) {
        separate();
        out.put(row == rest_row(Rest::other) ? "dynmon_series=\"other\""
                                             : "dynmon_series=\"ended\"");
    }
    if (index_ && rows_.size() > 1 && !is_rest) {
        separate();
        append_field("index", compile_scalar(*index_, Style::decoded), row, out);
    }
    if (cpu_ && !is_rest) {
        separate();
        append_field("cpu", compile_scalar(*cpu_, Style::decoded), row, out);
    }
    if (!has_label("direction")) {
        separate();
        out.put(metric_.direction == Direction::ingress ? "direction=\"ingress\""
                                                        : "direction=\"egress\"");
    }
}

// The bound on the series of a metric, and what becomes of those beyond it.

void SeriesTable::keep_place(const std::byte* id) {
    rows_.keep(rows_.find_or_add(reinterpret_cast<const char*>(id)));
}

void SeriesTable::add_rest(Rest rest, const std::uint64_t* values) {
    std::vector<std::uint64_t>& into = rests_[static_cast<std::size_t>(rest)];
    into.resize(numbers_.size());
    for (std::size_t i = 0; i < numbers_.size(); ++i)
        if (adds_up(i))
            combine(into.data(), i, values[i]);
}

const std::uint64_t* SeriesTable::numbers(std::uint32_t row) const {
    if (row < rows_.size())
        return rows_.numbers(row);
    return rests_[row - rows_.size()].data();
}

void SeriesTable::cut() {
    const std::size_t most = metric_.open_metrics->max_series;
    if (rows_.size() <= most)
        return;
    if (const auto call = std::exchange(before_leaving_out_, nullptr))
        call();
    std::vector<std::uint32_t> order(rows_.size());
    std::iota(order.begin(), order.end(), 0);
    const auto fresh = std::stable_partition(
        order.begin(), order.end(), [this](std::uint32_t row) { return rows_.is_kept(row); });
    const auto kept = static_cast<std::size_t>(fresh - order.begin());
    if (kept == order.size())
        return; // all of them had places, when there were more
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::max(kept, most));
    std::nth_element(fresh, end, order.end(), [this](std::uint32_t a, std::uint32_t b) {
        return rows_.id(a) < rows_.id(b);
    });
    left_out_ = std::max(left_out_, static_cast<std::size_t>(order.end() - end));
    for (auto row = end; row != order.end(); ++row)
        add_rest(Rest::other, rows_.numbers(*row));
    order.erase(end, order.end());
    rows_.retain(order);
}

// What the series of a metric are made of: labels from the key, numbers from the value.

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
