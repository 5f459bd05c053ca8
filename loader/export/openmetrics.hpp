// OpenMetrics 1.0 text from totals or live values.
// https://prometheus.io/docs/specs/om/open_metrics_spec/
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "export/exporter.hpp"

namespace dynmon {

// The series of one metric, gathered from raw entries: the bytes of the label fields one after the
// other identify a series; entries that agree in them are added up (gauges: the last one wins).
// `values` has one number per Series of the metric's OpenMetrics section.
//
// Entries of an array are told apart by their index, and where the manifest keeps the CPUs apart
// (merge: none) their values by the CPU, unless labels say otherwise.
class SeriesTable {
public:
    // `metric` must have open_metrics; it is copied.
    // Throws Error{usage} when a field path does not exist, a label is not one value of the key, a
    // series is no number, has the name of another one, or a unit that does not end its name.
    explicit SeriesTable(const MetricView& metric);

    void add(const Batch& batch); // raw entries of the map
    // A stored total: counts for what adds up; a gauge has no total.
    void add_total(const std::byte* id, const std::uint64_t* values);
    // Takes over the series of another table of this metric; `sums` false: only its gauges,
    // because what adds up is in the totals already. A table with other labels or series (of a
    // generation that defined the metric differently) is left out.
    void absorb(const SeriesTable& other, bool sums);

    std::size_t id_size() const { return id_size_; } // bytes of the label fields, at least 1
    std::size_t value_count() const { return values_.size(); } // numbers per series
    std::uint64_t overflowed() const { return overflowed_; }   // entries beyond max_series
    const MetricView& metric() const { return metric_; }
    // id → values, 64 bits each: integers, negative ones in two's complement, or the bits of a
    // double. Ordered, so that output is stable.
    const std::map<std::string, std::vector<std::uint64_t>>& rows() const { return rows_; }
    bool is_real(std::size_t value) const;   // a double and not an integer
    bool is_signed(std::size_t value) const; // an integer that may be negative
    bool adds_up(std::size_t value) const;   // and not: the last one wins
    // False for a gauge of a series that is known from a stored total only.
    bool is_set(const std::string& id, std::size_t value) const;

    // Text of the labels of one row: `{proto="TCP",direction="ingress"}`; escaped.
    std::string labels(const std::string& id) const { return '{' + label_list(id) + '}'; }
    std::string label_list(const std::string& id) const; // without the braces
    bool has_label(std::string_view name) const;

    // Family name, type, unit and help of one value, as the exposition shows them.
    struct Family {
        std::string name;
        MetricType type; // counter, gauge or untyped
        std::string unit;
        std::string help;
    };
    const Family& family(std::size_t value) const { return values_[value].family; }

private:
    struct LabelSource {
        std::string name;
        std::string text;           // of a static label
        std::optional<Layout> from; // in the key
        Layout slot;                // in the id
    };
    struct ValueSource {
        Family family;
        Layout field;
    };

    bool has_shape_of(const SeriesTable& other) const;
    void add_labels(const OpenMetrics& section);
    Layout take_slot(const Layout& field);
    void add_values(const OpenMetrics& section);
    void add_row(const std::byte* key, const std::byte* value, std::uint32_t cpu);
    std::vector<std::uint64_t>* row(const std::string& id); // nullptr: no room
    void combine(std::vector<std::uint64_t>& row, std::size_t value, std::uint64_t bits) const;

    MetricView metric_;
    std::size_t id_size_ = 0;
    std::uint64_t overflowed_ = 0;
    std::vector<LabelSource> labels_;
    std::vector<ValueSource> values_;
    std::optional<Layout> index_; // slot of an array's index
    std::optional<Layout> cpu_;   // slot of the CPU
    std::optional<MergePlan> merge_;
    std::vector<std::byte> merged_;
    std::string id_; // of the entry at hand
    std::map<std::string, std::vector<std::uint64_t>> rows_;
    bool has_gauges_ = false;
    std::set<std::string> read_; // rows whose gauges were read, and not only their totals known
};

// Writes one exposition: families contiguous, metadata once, `direction` and `identity` labels on
// every sample, ends with "# EOF\n". Tables of the same family (both directions) are joined, and
// within it samples whose labels read the same. Unknown types have no TYPE line and quotes in help
// become apostrophes: so the text is also valid to readers of the older Prometheus format.
// Throws Error{usage} when two metrics claim a name as different things.
void write_openmetrics(const std::vector<const SeriesTable*>& tables,
                       const std::vector<std::pair<std::string, std::string>>& identity,
                       Sink& sink);

} // namespace dynmon
