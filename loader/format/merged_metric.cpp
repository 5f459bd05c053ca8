// SPDX-License-Identifier: BSD-2-Clause
#include "format/merged_metric.hpp"

#include <algorithm>
#include <utility>

namespace dynmon {

namespace {

class MergingExporter final : public Exporter {
public:
    explicit MergingExporter(std::unique_ptr<Exporter> to) : to_(std::move(to)) {}

    void prepare(const std::vector<const MetricView*>& metrics) override {
        std::vector<MergedMetric> merged;
        merged.reserve(metrics.size());
        std::vector<const MetricView*> views;
        for (const MetricView* metric : metrics)
            views.push_back(&merged.emplace_back(*metric).view());
        to_->prepare(views);
    }
    void counts_at(const std::vector<CountingPlace>& places) override { to_->counts_at(places); }
    void begin_document(const std::string& monitor, const Window& window) override {
        to_->begin_document(monitor, window);
    }
    void begin_metric(const MetricView& metric) override {
        metric_.emplace(metric);
        to_->begin_metric(metric_->view());
    }
    DrainBuffer* room_for_drained(const MetricView& metric, std::size_t bytes) override {
        return to_->room_for_drained(metric, bytes);
    }
    void entries(const Batch& batch) override { to_->entries(metric_->merge(batch)); }
    void end_metric(std::uint64_t timestamp_us) override {
        to_->end_metric(timestamp_us);
        metric_.reset();
    }
    void end_document() override { to_->end_document(); }
    void finish() override { to_->finish(); }

private:
    std::unique_ptr<Exporter> to_;
    std::optional<MergedMetric> metric_;
};

} // namespace

MergedMetric::MergedMetric(const MetricView& metric)
    : cpus_(metric.cpus), stride_(cpu_stride(metric)), view_(metric) {
    if (metric.cpus == 0 || metric.merge == Merge::none)
        return;
    plan_.emplace(metric.value, metric.merge, metric.merge_fields);
    view_.value = plan_->layout();
    view_.cpus = 0;
}

Batch MergedMetric::merge(const Batch& batch) {
    if (!plan_)
        return batch;
    Batch merged = batch;
    merged.value_stride = view_.value.size;
    // At least a byte: memcpy() must not be given null, also for values of no bytes.
    values_.resize(std::max({values_.size(), batch.count * merged.value_stride, std::size_t{1}}));
    merged.values = values_.data();
    for (std::size_t i = 0; i < batch.count; ++i)
        plan_->merge(batch.values + i * batch.value_stride, cpus_, stride_,
                     values_.data() + i * merged.value_stride);
    return merged;
}

std::unique_ptr<Exporter> merge_for(std::unique_ptr<Exporter> exporter) {
    return std::make_unique<MergingExporter>(std::move(exporter));
}

} // namespace dynmon
