// SPDX-License-Identifier: BSD-2-Clause
// Whether the directory of a monitor can be trusted.
#pragma once

#include <string>

#include "state/store.hpp"

namespace dynmon {

// Throws Damaged when the directory of the monitor or a record in it is not what dynmon wrote, and
// Error{busy} with both ids when another owner's program is pinned under the name of one of its.
void require_whole(const Store& store, const std::string& name);

} // namespace dynmon
