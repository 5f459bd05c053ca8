// SPDX-License-Identifier: BSD-2-Clause
// Between the reader and the format: which entries are shown, in which order, which of their fields
// and whether counts are shown as rates. Works in front of every format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filter/predicate.hpp"
#include "filter/projection.hpp"
#include "filter/rate.hpp"
#include "format/export_options.hpp"
#include "format/exporter.hpp"

namespace dynmon {

// Entries kept back to be sorted: all of them, or the best N in a heap.

class KeptEntries {
public:
    // `top` 0: all. The memory is that of the bytes of the entries kept, and 16 more for each.
    KeptEntries(EntryOrder order, std::size_t key_size, std::size_t value_size, std::size_t top);

    void add(const std::byte* key, const std::byte* value); // copies what is worth keeping
    void sort(); // to be called once, after the last entry
    std::size_t size() const { return kept_.size(); }
    const std::byte* key(std::size_t i) const { return key_of(kept_[i]); }
    const std::byte* value(std::size_t i) const { return key_of(kept_[i]) + key_room_; }

private:
    struct Kept {
        std::uint64_t arrival = 0; // those that are equal stay in the order of the map
        std::size_t slot = 0;
    };
    const std::byte* key_of(const Kept& kept) const { return bytes_.data() + kept.slot * stride_; }
    bool before(const Kept& a, const Kept& b) const;
    void store(const Kept& kept, const std::byte* key, const std::byte* value);
    bool is_full() const { return top_ != 0 && kept_.size() == top_; }

    EntryOrder order_;
    std::size_t key_size_;
    std::size_t value_size_;
    std::size_t key_room_;
    std::size_t stride_;
    std::size_t top_;
    std::uint64_t seen_ = 0;
    std::vector<std::byte> bytes_;
    std::vector<Kept> kept_; // with `top`: a heap whose front is the entry to be dropped next
};

// What --where, --sort, --top, --columns and --rate make of the entries of one metric.

// The request as far as it knows no metric.
struct ShapeRequest {
    explicit ShapeRequest(const ExportOptions& options); // throws Error{usage}
    std::optional<Condition> where;
    std::vector<std::string> sort;
    std::size_t top = 0;
    std::vector<std::string> columns;
    bool rate = false;
    std::uint64_t now_ns = 0;
};

class MetricShape {
public:
    // Throws Error{usage} for what does not fit the fields of `metric`; without a column to sort by
    // or anything to make a rate of, the metric is passed on as it is. Its CPUs are
    // merged, or to be kept apart. `metric` must outlive it.
    MetricShape(const ShapeRequest& request, const MetricView& metric);

    // What the format gets.
    const MetricView& view() const { return shaped_; }
    const std::string& sort_fault() const { return sort_fault_; } // why it is not sorted
    const std::string& sort_hint() const { return sort_hint_; }
    bool has_rates() const { return rate_.has_value(); }

    void begin(double seconds) { seconds_ = seconds; } // the window's length
    void add(const Batch& batch, Exporter& to);
    void finish(Exporter& to); // after the last entry

private:
    void choose_order(const ShapeRequest& request, const EntryTypes& types);
    void choose_rate();
    bool holds(const std::byte* key, const std::byte* value) const;
    bool passes_as_it_is() const;
    void pass(const std::byte* key, const std::byte* value, Exporter& to);
    void flush(Exporter& to);

    const MetricView& metric_;
    MetricView shaped_;
    std::size_t cpus_ = 0;       // copies of a value; 0: one value
    std::size_t value_size_ = 0; // bytes of an entry's value(s)
    std::optional<Predicate> where_;
    std::optional<KeptEntries> kept_; // when it is sorted
    std::size_t top_ = 0;
    std::optional<RatePlan> rate_;
    std::string sort_fault_;
    std::string sort_hint_;
    double seconds_ = 0;
    std::uint64_t seen_ = 0;
    std::uint64_t held_ = 0; // passed the condition
    // Entries on their way to the format.
    Batch out_;
    std::vector<std::byte> keys_;
    std::vector<std::byte> values_;
};

bool has_shape(const ExportOptions& options); // where, sort, top, columns or rate
ExportOptions without_shape(ExportOptions options);

// `options` must fit: throws Error{usage} as require_shape() does.
std::unique_ptr<Exporter> shape(const ExportOptions& options, std::unique_ptr<Exporter> format);

// Throws Error{usage} when what `options` says of the shape cannot be done: for the format, or with
// the fields of `metrics`. Condition and columns must fit every metric, since what is filtered out
// of a window is gone; at least one must have the columns to sort by, and one have counts for
// rates. To be asked before a read that takes entries out of their map.
void require_shape(const ExportOptions& options, const std::vector<const MetricView*>& metrics);

} // namespace dynmon
