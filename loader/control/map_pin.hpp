// SPDX-License-Identifier: BSD-2-Clause
// Where in bpffs a map of a running monitor is.
#pragma once

#include <string>

#include "state/store.hpp"

namespace dynmon {

// `name`: a map, or a metric, whose map it is then. For a swapped map the side that programs write
// now. Throws Error{usage} when the monitor has neither.
std::string map_pin(const Store& store, const std::string& monitor, const std::string& name);

} // namespace dynmon
