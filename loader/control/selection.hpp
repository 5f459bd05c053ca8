// SPDX-License-Identifier: BSD-2-Clause
// Which metrics of a monitor a read is about.
#pragma once

#include <vector>

#include "control/read.hpp"
#include "control/window.hpp"

namespace dynmon {

bool wants(const ReadRequest& request, const MetricSource& source);

// Those of `sources` that the request wants; they point into it. Throws Error{usage} with the names
// that there are when it is none.
std::vector<const MetricSource*> select(const std::vector<MetricSource>& sources,
                                        const ReadRequest& request);

} // namespace dynmon
