// SPDX-License-Identifier: BSD-2-Clause
// Manifest against object: do the programs, maps, fields, formats and parameters exist and fit?
#pragma once

#include <vector>

namespace dynmon {

struct Diagnostic;
struct Manifest;
class Object;

// Every disagreement between manifest and object: programs, maps, field paths, formats, merges,
// parameters and their ranges, OpenMetrics names. Empty: they agree. Pure.
std::vector<Diagnostic> check_probe(const Manifest& manifest, const Object& object);

} // namespace dynmon
