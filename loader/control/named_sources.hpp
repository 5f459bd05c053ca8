// SPDX-License-Identifier: BSD-2-Clause
// The metrics of a generation as metric_sources() gives them, with interfaces called by their
// names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "control/window.hpp"
#include "state/store.hpp"

namespace dynmon {

// The names are those of the network namespace that the monitor's devices are in. Where it is gone
// or must not be entered, interfaces stay numbers.
std::vector<MetricSource> named_sources(const Store& store, const GenerationDir& dir,
                                        const GenerationRecord& record);

std::vector<MetricSource> named_logged_sources(const Store& store, const GenerationDir& dir,
                                               const GenerationRecord& record,
                                               const std::vector<LoggedMetric>& metrics);

// The same for a monitor by its name; null: as above.
std::shared_ptr<const EnumSet> interfaces_of_monitor(const Store& store, const std::string& name);

// The same of a generation that runs, with all its maps open: throws Error{failed} with the pin of
// a map that has vanished, which of one that was replaced only means that it was read.
std::vector<MetricSource> current_sources(const Store& store, GenerationMaps& maps,
                                          const GenerationRecord& record);

} // namespace dynmon
