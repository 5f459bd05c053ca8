// SPDX-License-Identifier: BSD-2-Clause
// What --where, --sort, --top, --columns and --rate make of the entries of one metric.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "filter/predicate.hpp"
#include "filter/rate.hpp"
#include "format/exporter.hpp"
#include "format/kept_entries.hpp"

namespace dynmon {

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

    // What the format is told.
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

} // namespace dynmon
