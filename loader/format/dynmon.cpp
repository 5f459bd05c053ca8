// SPDX-License-Identifier: BSD-2-Clause
// The `dynmon` exporter: byte for byte the document of Polycube's Dynmon, where that was right.
#include <optional>
#include <utility>

#include "filter/projection.hpp"
#include "format/export_options.hpp"
#include "format/json_document.hpp"

namespace dynmon {

namespace {

class DynmonExporter final : public JsonDocument {
public:
    DynmonExporter(const ExportOptions& options, Sink& sink)
        : JsonDocument(options, Style::dynmon, sink) {}

private:
    void describe(const std::string&, const Window&, std::string&) override {}
    void describe(const MetricView&, std::string&) override {}

    const MetricView& shown(const MetricView& metric) override {
        if (metric.columns.empty())
            return metric;
        MetricView& view = view_.emplace(metric);
        const EntryTypes types{view.key ? &*view.key : nullptr, &view.value};
        Projection projection = project(types, metric.columns);
        if (projection.key) // an entry has its key, whatever is printed of its value
            view.key = std::move(projection.key);
        if (!projection.value.fields.empty())
            view.value = std::move(projection.value);
        return view;
    }

    // Arrays lose their index, but not the per-CPU ones; only arrays are never empty, unless the
    // direction before has drained them.
    JsonShape shape(const MetricView& metric) const override {
        const bool plain = metric.map_type == BPF_MAP_TYPE_ARRAY;
        return {.keyed = !plain && !is_queue_like(metric.map_type),
                .list_cpus = true,
                .null_if_empty = !is_array_like(metric.map_type) || metric.same_as};
    }

    std::optional<MetricView> view_; // of a metric with columns
};

} // namespace

std::unique_ptr<Exporter> make_dynmon_exporter(const ExportOptions& options, Sink& sink) {
    return std::make_unique<DynmonExporter>(options, sink);
}

} // namespace dynmon
