// SPDX-License-Identifier: BSD-2-Clause
// OpenMetrics 1.0 text from totals or live values, or the classic text of Prometheus.
// https://prometheus.io/docs/specs/om/open_metrics_spec/
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/series.hpp"

namespace dynmon {

// Names and texts as the OpenMetrics grammar wants them.

std::string metric_name(std::string_view text); // [a-zA-Z_:][a-zA-Z0-9_:]*, the rest becomes '_'
std::string label_name(std::string_view text);  // the same without ':'
void append_label(std::string_view name, std::string_view value, std::string& out); // name="value"
void append_help(std::string_view text, std::string& out);

// In the classic text the metadata of a counter have the name of its samples, and there is neither
// a unit nor an end: readers of it, as the node exporter's textfile collector, take a counter for
// untyped otherwise.
enum class Exposition { openmetrics, classic };

// What dynmon says of a monitor besides its metrics; what is not known is left out.
struct MonitorFacts {
    std::string build;                // as build_name() has it
    std::optional<double> window_age; // seconds since the window that is shown began
    std::map<std::pair<Direction, std::string>, std::uint64_t> entries; // in the map of a metric
};

// Writes one exposition: families contiguous, metadata once, `direction` and `identity` labels on
// every sample, ends with "# EOF\n". Tables of the same family (both directions) are joined, and
// within it samples whose labels read the same. Unknown types have no TYPE line and quotes in help
// become apostrophes: so the text is also valid to readers of the older Prometheus format.
// A gauge dynmon_hook_attached says of each of `places` whether packets reach the monitor there, as
// far as that is known: without it, counters of a detached monitor look like an idle line.
// dynmon_build_info, dynmon_window_age_seconds, dynmon_map_entries and dynmon_map_max_entries say
// what `facts` has. Throws Error{usage} when two metrics claim a name as
// different things, or one claims one of these.
void write_openmetrics(const std::vector<const SeriesTable*>& tables,
                       const std::vector<std::pair<std::string, std::string>>& identity, Sink& sink,
                       const std::vector<CountingPlace>& places = {},
                       Exposition form = Exposition::openmetrics, const MonitorFacts& facts = {});

} // namespace dynmon
