// SPDX-License-Identifier: BSD-2-Clause
// The series of a metric: rows of numbers found by a few bytes, flat, so that many series cost
// little more than their bytes; gathered from entries, joined with others, bounded in number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/key_index.hpp"
#include "decode/scalar.hpp"
#include "format/exporter.hpp"
#include "format/histogram.hpp"
#include "format/merged_metric.hpp"

namespace dynmon {

class SeriesRows {
public:
    static constexpr std::uint32_t none = KeyIndex::none;

    // Bytes of an id and numbers of a row; forgets all rows.
    void set_shape(std::size_t id_size, std::size_t width);

    // The row of `id` (id_size bytes); made, all zero, if there is none.
    std::uint32_t find_or_add(const char* id);
    // Leaves these, and numbers them in this order.
    void retain(const std::vector<std::uint32_t>& rows);

    std::size_t size() const { return flags_.size(); }
    std::string_view id(std::uint32_t row) const {
        return {ids_.data() + row * id_size_, id_size_};
    }
    // Valid until the next row is made.
    std::uint64_t* numbers(std::uint32_t row) { return numbers_.data() + row * width_; }
    const std::uint64_t* numbers(std::uint32_t row) const { return numbers_.data() + row * width_; }
    void mark(std::uint32_t row) { flags_[row] |= marked; }
    bool is_marked(std::uint32_t row) const { return (flags_[row] & marked) != 0; }
    void keep(std::uint32_t row) { flags_[row] |= kept; }
    bool is_kept(std::uint32_t row) const { return (flags_[row] & kept) != 0; }

private:
    static constexpr std::uint8_t marked = 1, kept = 2;

    std::size_t id_size_ = 0;
    std::size_t width_ = 0;
    std::string ids_;
    std::vector<std::uint64_t> numbers_;
    std::vector<std::uint8_t> flags_;
    KeyIndex index_;
};

// The series of a metric, gathered from raw entries: what OpenMetrics shows and the totals keep.

// The series of one metric, gathered from raw entries: the bytes of the label fields one after the
// other identify a series; entries that agree in them are added up (gauges: the last one wins).
// A row has the numbers of all Series of the metric's OpenMetrics section, one after the other: one
// number each, or of a histogram one a bucket (not yet cumulative) and then the sum if it is known.
//
// There are max_series of them, and what adds up of the others is summed up in one more, the rest
// `other`, so that the sum over all of them is exact. Places go to those that had one before, then
// to the smallest ids: whatever the order of the entries, and so that no series comes out of the
// rest, which is never smaller than before while nothing is taken out of the map.
//
// The index distinguishes the entries of an array and, where the manifest keeps the CPUs apart
// (merge: none), the CPU their values, unless labels say otherwise.
class SeriesTable {
public:
    // `metric` must have open_metrics; it is copied.
    // Throws Error{usage} when a field path does not exist, a label is not one value of the key, a
    // series is no number (of a histogram: no array of counts), has the name of another one, or a
    // unit that does not end its name.
    explicit SeriesTable(const MetricView& metric);

    void add(const Batch& batch); // raw entries of the map
    // Called once, before the first series is left out: to say with keep_place() which stay.
    void before_leaving_out(std::function<void()> call) { before_leaving_out_ = std::move(call); }
    // This series had a place before, and keeps it.
    void keep_place(const std::byte* id);
    // A stored total: counts for what adds up; a gauge has no total. It keeps its place.
    void add_total(const std::byte* id, const std::uint64_t* values);

    // One row each behind those of rows(), without labels from the key.
    enum class Rest {
        other, // what found no place
        ended, // what series had counted that gave up their places
    };
    void add_rest(Rest rest, const std::uint64_t* values);
    // How many series, at least, found no place.
    std::size_t left_out() const { return left_out_; }
    bool has_rest(Rest rest) const { return !rest_numbers(rest).empty(); }
    std::uint32_t rest_row(Rest rest) const {
        return static_cast<std::uint32_t>(rows_.size()) + static_cast<std::uint32_t>(rest);
    }
    // What adds up in this row, or in all and in the rests, begins with 0 again.
    void clear_sums(std::uint32_t row);
    void clear_sums();
    // Takes over the series of another table of this metric. A table with other labels or series
    // (of a generation that defined the metric differently) is left out.
    void absorb(const SeriesTable& other);

    std::size_t id_size() const { return id_size_; } // bytes of the label fields, at least 1
    std::size_t value_count() const { return numbers_.size(); } // in a row
    const MetricView& metric() const { return metric_; }
    // id → numbers, 64 bits each: integers, negative ones in two's complement, or the bits of a
    // double.
    const SeriesRows& rows() const { return rows_; }
    const std::uint64_t* numbers(std::uint32_t row) const; // also of a rest that there is
    // Rows by their first label and then by the bytes of the others, so that output is stable;
    // the rests come last.
    std::vector<std::uint32_t> sorted_rows() const;
    // Whether a number of a row is a double and not an integer; is an integer that may be negative;
    // adds up (and not: the last one wins).
    bool is_real(std::size_t number) const { return numbers_[number].is_real; }
    bool is_signed(std::size_t number) const { return numbers_[number].is_signed; }
    bool adds_up(std::size_t number) const { return numbers_[number].adds_up; }
    // Text that is the same for tables whose rows mean the same: labels, families, buckets.
    std::string shape() const;
    // False for a gauge of a series that is known from a stored total only.
    bool is_set(std::uint32_t row, std::size_t number) const {
        return adds_up(number) || (row < rows_.size() && rows_.is_marked(row));
    }

    // Appends the labels of one row, `proto="TCP",direction="ingress"`, escaped.
    // With a comma in front unless they are the `first` ones.
    void append_labels(std::uint32_t row, bool first, Cursor& out) const;
    bool has_label(std::string_view name) const;
    // No two rows have labels that read the same: none is of a kind whose text leaves things out.
    bool labels_are_distinct() const;

    // One Series as the exposition shows it.
    struct Family {
        std::string name;
        MetricType type;
        std::string unit;
        std::string help;
        std::size_t first = 0; // its first number in a row
        std::optional<Histogram> histogram;
    };
    std::size_t family_count() const { return values_.size(); }
    const Family& family(std::size_t index) const { return values_[index].family; }

private:
    struct LabelSource {
        std::string name;
        std::string text;           // of a static label
        std::string fixed;          // name="text" of a static label
        std::optional<Layout> from; // in the key
        Scalar bits;                // of a bitfield
        Layout slot;                // in the id
        Scalar text_of;             // the slot
    };
    struct Number {
        bool is_real;
        bool is_signed;
        bool adds_up;
        auto operator<=>(const Number&) const = default;
    };
    struct ValueSource {
        Family family;
        Scalar scalar;            // the number; of a histogram: the count, or the first of them
        std::uint32_t stride = 0; // of an array of counts: from one to the next
        Scalar bucket;            // with `by_key`: the bucket's number in the key
        bool by_key = false;
        Scalar sum;
    };

    bool has_shape_of(const SeriesTable& other) const;
    void merge_cpus();
    void add_labels(const OpenMetrics& section);
    Layout take_slot(const Layout& field);
    void add_values(const OpenMetrics& section);
    Family make_family(const OpenMetrics& section, const Series& series) const;
    void add_plain(ValueSource source, const Series& series);
    void add_histogram(ValueSource source, const Series& series, const Buckets& buckets);
    Layout number_field(const std::string& path, std::string_view root) const;
    Scalar add_number(const Layout& field, bool adds_up);
    void add_counts(const ValueSource& source, const std::byte* key, const std::byte* value,
                    std::uint64_t* row) const;
    void add_row(const std::byte* key, const std::byte* value, std::uint32_t cpu);
    const std::vector<std::uint64_t>& rest_numbers(Rest rest) const {
        return rests_[static_cast<std::size_t>(rest)];
    }
    void cut(); // to max_series
    void combine(std::uint64_t* row, std::size_t number, std::uint64_t bits) const;
    void append_field(std::string_view name, const Scalar& slot, std::uint32_t row,
                      Cursor& out) const;
    static void copy_label(const LabelSource& label, const std::byte* key, char* id);

    MetricView metric_;
    std::size_t id_size_ = 0;
    std::vector<LabelSource> labels_;
    std::vector<ValueSource> values_;
    std::vector<Number> numbers_;
    std::optional<Layout> index_; // slot of an array's index
    std::optional<Layout> cpu_;   // slot of the CPU
    std::optional<MergedMetric> merged_;
    std::string id_; // of the entry at hand
    // Marked: the gauges were read, and not only their totals known.
    SeriesRows rows_;
    std::array<std::vector<std::uint64_t>, 2> rests_; // empty: nothing is in it
    bool has_gauges_ = false;
    std::size_t left_out_ = 0;
    std::function<void()> before_leaving_out_;
};

} // namespace dynmon
