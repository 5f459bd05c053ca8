// SPDX-License-Identifier: BSD-2-Clause
// Manifest against object: do the programs, maps, fields, formats and parameters exist and fit?
#pragma once

#include <vector>

#include "manifest/manifest.hpp"

namespace dynmon {

struct Diagnostic;
struct Manifest;
class Object;

// Every disagreement between manifest and object: programs, maps, field paths, formats, merges,
// parameters and their ranges, OpenMetrics names. Empty: they agree. Pure.
std::vector<Diagnostic> check_probe(const Manifest& manifest, const Object& object);

// One entry of `metric-configs` against its map.

class Object;

// Appends every disagreement to `found`: the map, what is to be done with it, fields of labels,
// series, formats and merges.
void check_metric(const MetricConfig& metric, const Object& object, std::vector<Diagnostic>& found);

} // namespace dynmon
