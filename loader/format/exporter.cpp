// Which class makes which format, and what holds for all of them.
#include "format/exporter.hpp"

#include "base/error.hpp"
#include "format/binary_formats.hpp"
#include "format/json_document.hpp"
#include "format/line_formats.hpp"
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

namespace {

JsonForm json_form(const ExportOptions& options, Style style) {
    return {.style = style,
            .value_only = options.value_only,
            .wide_as_text = options.wide_as_text,
            .metric_count = options.metric_count,
            .build = options.build,
            .added = options.added};
}

std::unique_ptr<Exporter> make_format(const ExportOptions& options, Sink& sink) {
    const Style style = options.raw ? Style::raw : Style::decoded;
    switch (options.format) {
    case Format::json:
        return make_json_exporter(json_form(options, style), sink);
    case Format::dynmon:
        return make_dynmon_exporter(json_form(options, Style::dynmon), sink);
    case Format::csv:
        return make_csv_exporter(options, sink);
    case Format::table:
        return make_table_exporter(style, sink);
    case Format::jsonl:
        return make_json_lines_exporter(options, sink);
    case Format::npy:
        return make_npy_exporter(style, options.metric_count, sink);
    case Format::npz:
        return make_npz_exporter(style, sink);
    case Format::openmetrics:
        break;
    }
    throw Error(ErrorKind::usage, "OpenMetrics shows totals, not single reads");
}

} // namespace

std::unique_ptr<Exporter> make_exporter(const ExportOptions& options, Sink& sink) {
    std::unique_ptr<Exporter> format = make_format(options, sink);
    if (has_shape(options))
        format = shape(options, std::move(format));
    if (options.format == Format::dynmon) // lists the CPUs whatever the rules
        return format;
    return merge_for(std::move(format));
}

} // namespace dynmon
