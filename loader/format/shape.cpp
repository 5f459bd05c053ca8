// SPDX-License-Identifier: BSD-2-Clause
#include "format/shape.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "filter/projection.hpp"
#include "format/export_options.hpp"
#include "format/merged_metric.hpp"

namespace dynmon {

namespace {

std::size_t round_up(std::size_t size) {
    return (size + 7) / 8 * 8;
}

} // namespace

KeptEntries::KeptEntries(EntryOrder order, std::size_t key_size, std::size_t value_size,
                         std::size_t top)
    : order_(std::move(order)), key_size_(key_size), value_size_(value_size),
      key_room_(round_up(key_size)), stride_(key_room_ + round_up(value_size)), top_(top) {}

bool KeptEntries::before(const Kept& a, const Kept& b) const {
    const std::byte* key_a = key_of(a);
    const std::byte* key_b = key_of(b);
    const int order = order_.compare(key_a, key_a + key_room_, key_b, key_b + key_room_);
    return order != 0 ? order < 0 : a.arrival < b.arrival;
}

void KeptEntries::store(const Kept& kept, const std::byte* key, const std::byte* value) {
    std::byte* at = bytes_.data() + kept.slot * stride_;
    if (key_size_ > 0)
        std::memcpy(at, key, key_size_);
    std::memcpy(at + key_room_, value, value_size_);
}

void KeptEntries::add(const std::byte* key, const std::byte* value) {
    const auto sooner = [this](const Kept& a, const Kept& b) { return before(a, b); };
    Kept kept{seen_++, kept_.size()};
    if (is_full()) {
        // An entry that is equal to the worst came later and stays out.
        const std::byte* worst = key_of(kept_.front());
        if (order_.compare(key, value, worst, worst + key_room_) >= 0)
            return;
        std::pop_heap(kept_.begin(), kept_.end(), sooner);
        kept.slot = kept_.back().slot;
        kept_.pop_back();
    } else {
        bytes_.resize(bytes_.size() + stride_);
    }
    store(kept, key, value);
    kept_.push_back(kept);
    if (top_ != 0)
        std::push_heap(kept_.begin(), kept_.end(), sooner);
}

void KeptEntries::sort() {
    std::sort(kept_.begin(), kept_.end(),
              [this](const Kept& a, const Kept& b) { return before(a, b); });
}

// Judged, sorted, cut, made rates of, in this order; buffers are made once for each metric.

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
        shaped_.whole = shaped_.whole && !shaped_.key; // an index that was asked for is shown
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

namespace {

const char* first_option(const ExportOptions& options) {
    if (!options.where.empty())
        return "--where";
    if (!options.sort.empty())
        return "--sort";
    if (options.top != 0)
        return "--top";
    return options.rate ? "--rate" : "--columns";
}

void require_format(const ExportOptions& options) {
    const std::string option = first_option(options);
    if (options.format->why_unshaped != nullptr)
        throw Error(ErrorKind::usage, option + " does not go with --format " + options.format->name)
            .hint(options.format->why_unshaped);
}

class ShapeExporter final : public Exporter {
public:
    ShapeExporter(const ExportOptions& options, std::unique_ptr<Exporter> format)
        : request_(options), format_(std::move(format)) {
        require_format(options);
    }

    void prepare(const std::vector<const MetricView*>& metrics) override {
        std::vector<MetricShape> shapes;
        shapes.reserve(metrics.size());
        std::vector<const MetricView*> views;
        for (const MetricView* metric : metrics)
            views.push_back(&shapes.emplace_back(request_, *metric).view());
        format_->prepare(views);
    }

    void counts_at(const std::vector<CountingPlace>& places) override {
        format_->counts_at(places);
    }

    void begin_document(const std::string& monitor, const Window& window) override {
        window_ = window;
        format_->begin_document(monitor, window);
    }

    void begin_metric(const MetricView& metric) override {
        shape_.emplace(request_, metric);
        const std::uint64_t from = metric.from_ns != 0 ? metric.from_ns : window_.from_ns;
        // 0: not known, and so is a rate
        shape_->begin(from != 0 && from < window_.to_ns
                          ? static_cast<double>(window_.to_ns - from) / 1e9
                          : 0);
        format_->begin_metric(shape_->view());
    }

    void entries(const Batch& batch) override { shape_->add(batch, *format_); }

    void end_metric(std::uint64_t timestamp_us) override {
        shape_->finish(*format_);
        format_->end_metric(timestamp_us);
        shape_.reset();
    }

    void end_document() override { format_->end_document(); }
    void finish() override { format_->finish(); }

private:
    ShapeRequest request_;
    std::unique_ptr<Exporter> format_;
    Window window_;
    std::optional<MetricShape> shape_;
};

// An Error of one of several metrics says which, and what to do when another is meant.
void name_metric(Error& error, const MetricView& metric,
                 const std::vector<const MetricView*>& metrics) {
    const bool one = std::all_of(metrics.begin(), metrics.end(), [&](const MetricView* other) {
        return other->name == metric.name; // in both directions, perhaps
    });
    if (one)
        return;
    error.during("metric '" + metric.name + "'");
    error.or_hint("it has to fit every metric that is read: name one behind the monitor");
}

} // namespace

bool has_shape(const ExportOptions& options) {
    return !options.where.empty() || !options.sort.empty() || options.top != 0 ||
           !options.columns.empty() || options.rate;
}

ExportOptions without_shape(ExportOptions options) {
    options.where.clear();
    options.sort.clear();
    options.top = 0;
    options.columns.clear();
    options.rate = false;
    return options;
}

std::unique_ptr<Exporter> shape(const ExportOptions& options, std::unique_ptr<Exporter> format) {
    return std::make_unique<ShapeExporter>(options, std::move(format));
}

void require_shape(const ExportOptions& options, const std::vector<const MetricView*>& metrics) {
    if (!has_shape(options))
        return;
    require_format(options);
    const ShapeRequest request(options);
    bool sorted = request.sort.empty();
    bool rated = !request.rate;
    std::optional<Error> unsorted;
    for (const MetricView* metric : metrics) {
        try {
            const MergedMetric merged(*metric);
            const MetricShape shape(request, merged.view());
            rated = rated || shape.has_rates();
            sorted = sorted || shape.sort_fault().empty();
            if (!unsorted)
                unsorted = Error(ErrorKind::usage, "--sort: " + shape.sort_fault())
                               .hint(shape.sort_hint());
        } catch (Error& error) {
            name_metric(error, *metric, metrics);
            throw;
        }
    }
    if (!sorted && unsorted)
        throw *unsorted;
    if (!rated)
        throw Error(ErrorKind::usage, "--rate: no field adds up")
            .hint(
                "counts do; times, addresses, flags, gauges and what merges as max or min do not");
}

} // namespace dynmon
