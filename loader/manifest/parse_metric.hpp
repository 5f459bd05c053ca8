// SPDX-License-Identifier: BSD-2-Clause
// One metric of a manifest: what is read from a map, and what is made of it.
#pragma once

#include "manifest/fields.hpp"
#include "manifest/manifest.hpp"

namespace dynmon {

// What is wrong goes to `faults`; the result then has defaults in its place.
MetricConfig read_metric(const Node& node, Faults& faults);

} // namespace dynmon
