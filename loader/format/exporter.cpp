// SPDX-License-Identifier: BSD-2-Clause
#include "format/exporter.hpp"

#include "base/error.hpp"
#include "format/export_options.hpp"
#include "format/merged_metric.hpp"
#include "format/shape.hpp"

namespace dynmon {

bool has_interfaces(const MetricView& metric) {
    return has_interfaces(metric.value) || (metric.key && has_interfaces(*metric.key));
}

void name_interfaces(MetricView& metric, const std::shared_ptr<const EnumSet>& names) {
    name_interfaces(metric.value, names);
    if (metric.key)
        name_interfaces(*metric.key, names);
}

std::unique_ptr<Exporter> make_exporter(const ExportOptions& options, Sink& sink) {
    if (options.format.shows_totals())
        throw Error(ErrorKind::usage, "OpenMetrics shows totals, not single reads");
    std::unique_ptr<Exporter> format = options.format->make(options, sink);
    if (has_shape(options))
        format = shape(options, std::move(format));
    return options.format->lists_cpus ? std::move(format) : merge_for(std::move(format));
}

} // namespace dynmon
