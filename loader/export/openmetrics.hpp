// OpenMetrics 1.0 text from totals or live values. https://prometheus.io/docs/specs/om/open_metrics_spec/
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "export/exporter.hpp"

namespace dynmon {

// The series of one metric, gathered from raw entries: the bytes of the label fields one after the
// other identify a series; entries that agree in them are added up (gauges: the last one wins).
// `values` has one number per Series of the metric's OpenMetrics section.
class SeriesTable {
public:
    // `metric` must have open_metrics and outlive the table.
    // Throws Error{usage} when a field path does not exist or is no number.
    explicit SeriesTable(const MetricView& metric);

    void add(const Batch& batch);                       // raw entries of the map
    void add_total(const std::byte* id, const std::uint64_t* values); // a stored total

    std::size_t id_size() const { return id_size_; }       // bytes of the label fields, at least 1
    std::size_t value_count() const { return value_count_; } // u64 (or bits of a double) per series
    std::uint64_t overflowed() const { return overflowed_; } // entries beyond max_series
    const MetricView& metric() const { return *metric_; }
    // id → values; doubles are stored as their bits. Ordered, so output is stable.
    const std::map<std::string, std::vector<std::uint64_t>>& rows() const { return rows_; }
    bool is_real(std::size_t value) const; // this value is a double, not an integer

    // Text of the labels of one row: `{proto="TCP",direction="ingress"}`; escaped.
    std::string labels(const std::string& id) const;
    // Family name, type, unit and help of one value, as the exposition shows them.
    struct Family {
        std::string name;
        MetricType type;
        std::string unit;
        std::string help;
    };
    Family family(std::size_t value) const;

private:
    struct Field;
    const MetricView* metric_;
    std::size_t id_size_ = 1;
    std::size_t value_count_ = 1;
    std::uint64_t overflowed_ = 0;
    std::map<std::string, std::vector<std::uint64_t>> rows_;
    std::vector<Layout> label_fields_;
    std::vector<Layout> value_fields_;
};

// Writes one exposition: families contiguous, metadata once, `monitor` and `direction` labels on
// every sample, ends with "# EOF\n". Tables of the same family (both directions) are joined.
// `identity` are labels put on every sample (monitor name, device).
void write_openmetrics(const std::vector<const SeriesTable*>& tables,
                       const std::vector<std::pair<std::string, std::string>>& identity,
                       Sink& sink);

} // namespace dynmon
