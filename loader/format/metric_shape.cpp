// SPDX-License-Identifier: BSD-2-Clause
// Judged, sorted, cut, made rates of, in this order; buffers are made once for each metric.
#include "format/metric_shape.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.hpp"
#include "filter/projection.hpp"
#include "format/export_options.hpp"

namespace dynmon {

namespace {

constexpr std::size_t batch_bytes = 1u << 16; // of an outgoing batch, and at least one entry

std::vector<std::string> split_list(const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t start = 0; start <= text.size() && !text.empty();) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        parts.push_back(text.substr(start, comma - start));
        start = comma + 1;
    }
    return parts;
}

// Levels, which do not add up over time.
std::set<std::string> gauges_of(const MetricView& metric) {
    std::set<std::string> gauges;
    if (!metric.open_metrics)
        return gauges;
    const OpenMetrics& open_metrics = *metric.open_metrics;
    if (open_metrics.series.empty() && open_metrics.type == MetricType::gauge)
        gauges.insert("value");
    for (const Series& series : open_metrics.series)
        if (series.type.value_or(open_metrics.type) == MetricType::gauge)
            gauges.insert(series.field.empty() ? "value" : series.field);
    return gauges;
}

} // namespace

ShapeRequest::ShapeRequest(const ExportOptions& options)
    : sort(split_list(options.sort)), top(options.top), columns(options.columns),
      rate(options.rate), now_ns(options.now_ns) {
    if (!options.where.empty())
        where = during("--where", [&] { return Condition::parse(options.where); });
}

MetricShape::MetricShape(const ShapeRequest& request, const MetricView& metric)
    : metric_(metric), shaped_(metric), cpus_(metric.cpus),
      value_size_(cpus_ > 0 ? cpus_ * cpu_stride(metric) : metric.value.size), top_(request.top) {
    const EntryTypes types{metric.key ? &*metric.key : nullptr, &metric.value};
    if (request.where)
        where_.emplace(
            during("--where", [&] { return Predicate(*request.where, types, request.now_ns); }));
    choose_order(request, types);
    if (request.rate)
        choose_rate();
    if (!request.columns.empty()) {
        const EntryTypes shown{types.key, &shaped_.value};
        Projection projection =
            during("--columns", [&] { return project(shown, request.columns); });
        shaped_.key = std::move(projection.key);
        shaped_.value = std::move(projection.value);
        shaped_.whole = shaped_.whole && !shaped_.key; // who asks for the index gets it
    }
    shaped_.whole = shaped_.whole && !where_ && !kept_;
}

void MetricShape::choose_order(const ShapeRequest& request, const EntryTypes& types) {
    if (request.sort.empty())
        return;
    try {
        EntryOrder order(request.sort, types, cpus_, cpu_stride(metric_));
        kept_.emplace(std::move(order), metric_.key ? metric_.key->size : 0, value_size_, top_);
    } catch (const Error& error) {
        sort_fault_ = error.what();
        sort_hint_ = error.hint();
    }
}

void MetricShape::choose_rate() {
    RatePlan plan(metric_.value, metric_.merge, metric_.merge_fields, gauges_of(metric_));
    if (plan.empty())
        return;
    shaped_.value = plan.layout();
    rate_.emplace(std::move(plan));
}

bool MetricShape::passes_as_it_is() const {
    return !where_ && !kept_ && top_ == 0 && !rate_;
}

// A value of several CPUs holds when that of any CPU does.
bool MetricShape::holds(const std::byte* key, const std::byte* value) const {
    if (!where_)
        return true;
    const std::size_t stride = cpu_stride(metric_);
    for (std::size_t cpu = 0; cpu < std::max<std::size_t>(cpus_, 1); ++cpu)
        if (where_->holds(key, value + cpu * stride))
            return true;
    return false;
}

void MetricShape::add(const Batch& batch, Exporter& to) {
    if (passes_as_it_is())
        return to.entries(batch);
    for (std::size_t i = 0; i < batch.count; ++i) {
        const std::byte* key = batch.keys ? batch.keys + i * batch.key_stride : nullptr;
        const std::byte* value = batch.values + i * batch.value_stride;
        ++seen_;
        if (!holds(key, value))
            continue;
        ++held_;
        if (kept_)
            kept_->add(key, value);
        else if (top_ == 0 || held_ <= top_)
            pass(key, value, to);
    }
    flush(to);
}

void MetricShape::pass(const std::byte* key, const std::byte* value, Exporter& to) {
    if (keys_.empty() && values_.empty()) { // the first one
        out_.key_stride = key ? metric_.key->size : 0;
        out_.value_stride = !rate_       ? value_size_
                            : cpus_ == 0 ? rate_->layout().size
                                         : cpus_ * cpu_stride(shaped_);
        const std::size_t entry = std::max<std::size_t>(out_.key_stride + out_.value_stride, 1);
        const std::size_t room = std::max<std::size_t>(batch_bytes / entry, 1);
        keys_.resize(room * out_.key_stride);
        values_.resize(std::max<std::size_t>(room * out_.value_stride, 1));
    }
    if (key)
        std::memcpy(keys_.data() + out_.count * out_.key_stride, key, out_.key_stride);
    std::byte* into = values_.data() + out_.count * out_.value_stride;
    if (!rate_) {
        std::memcpy(into, value, out_.value_stride);
    } else {
        for (std::size_t cpu = 0; cpu < std::max<std::size_t>(cpus_, 1); ++cpu)
            rate_->apply(value + cpu * cpu_stride(metric_), seconds_,
                         into + cpu * cpu_stride(shaped_));
    }
    ++out_.count;
    if ((out_.count + 1) * out_.value_stride > values_.size() ||
        (out_.count + 1) * out_.key_stride > keys_.size())
        flush(to);
}

void MetricShape::flush(Exporter& to) {
    if (out_.count == 0)
        return;
    out_.keys = keys_.empty() ? nullptr : keys_.data();
    out_.values = values_.data();
    to.entries(out_);
    out_.count = 0;
}

void MetricShape::finish(Exporter& to) {
    std::uint64_t shown = top_ == 0 ? held_ : std::min<std::uint64_t>(held_, top_);
    if (kept_) {
        kept_->sort();
        shown = kept_->size();
        for (std::size_t i = 0; i < kept_->size(); ++i)
            pass(metric_.key ? kept_->key(i) : nullptr, kept_->value(i), to);
        flush(to);
    }
    if (seen_ > shown)
        to.kept_back(seen_ - held_, held_ - shown);
}

} // namespace dynmon
