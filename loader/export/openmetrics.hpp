// OpenMetrics 1.0 text from totals or live values.
// https://prometheus.io/docs/specs/om/open_metrics_spec/
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "export/series_table.hpp"

namespace dynmon {

// Writes one exposition: families contiguous, metadata once, `direction` and `identity` labels on
// every sample, ends with "# EOF\n". Tables of the same family (both directions) are joined, and
// within it samples whose labels read the same. Unknown types have no TYPE line and quotes in help
// become apostrophes: so the text is also valid to readers of the older Prometheus format.
// Throws Error{usage} when two metrics claim a name as different things.
void write_openmetrics(const std::vector<const SeriesTable*>& tables,
                       const std::vector<std::pair<std::string, std::string>>& identity,
                       Sink& sink);

} // namespace dynmon
