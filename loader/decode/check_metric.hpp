// SPDX-License-Identifier: BSD-2-Clause
// One entry of `metric-configs` against its map.
#pragma once

#include <vector>

#include "manifest/manifest.hpp"

namespace dynmon {

class Object;

// Appends every disagreement to `found`: the map, what is to be done with it, fields of labels,
// series, formats and merges.
void check_metric(const MetricConfig& metric, const Object& object, std::vector<Diagnostic>& found);

} // namespace dynmon
