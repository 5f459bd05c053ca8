// SPDX-License-Identifier: BSD-2-Clause
#include "format/shape.hpp"

#include <algorithm>
#include <optional>

#include "base/error.hpp"
#include "format/merged_metric.hpp"
#include "format/metric_shape.hpp"

namespace dynmon {

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
