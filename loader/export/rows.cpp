#include "export/rows.hpp"

namespace dynmon {

Rows::Rows(const MetricView& metric)
    : metric_(metric), with_cpu_(metric.cpus > 0 && metric.merge == Merge::none) {
    if (metric.cpus > 0 && !with_cpu_) {
        merge_.emplace(metric.value, metric.merge, metric.merge_fields);
        merged_.resize(metric.value.size);
    }
}

Row Rows::first_row(const Batch& batch, std::size_t entry) {
    Row row{batch.keys ? batch.keys + entry * batch.key_stride : nullptr,
            batch.values + entry * batch.value_stride, 0};
    if (merge_) {
        merge_->merge(row.value, metric_.cpus, cpu_stride(metric_), merged_.data());
        row.value = merged_.data();
    }
    return row;
}

} // namespace dynmon
