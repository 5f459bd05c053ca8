// SPDX-License-Identifier: BSD-2-Clause
// What is asked for is checked here before anything is taken out of a map.
#pragma once

#include <vector>

#include "control/read.hpp"
#include "control/window.hpp"
#include "state/state.hpp"
#include "state/store.hpp"

namespace dynmon {

// The request's output for `selected`. Throws Error{usage} when its shape does not fit the fields
// of each, and of what replaced generations left to be read.
ExportOptions checked_output(const Store& store, const ReadRequest& request,
                             const std::vector<const MetricSource*>& selected);

// For npy: an array has no place for a second window, which may even have other columns. Throws
// Error{usage} when an earlier one has not been read yet.
void require_one_window(const Store& store, const ReadRequest& request, const MonitorState& state,
                        const std::vector<const MetricSource*>& selected);

} // namespace dynmon
