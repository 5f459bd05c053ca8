// SPDX-License-Identifier: BSD-2-Clause
// Taking a monitor off, damaged or not.
#pragma once

#include <string>

#include "control/execute.hpp"

namespace dynmon {

// unload_monitor() as part of a session, whose port looks at the monitor, its soundness and hooks.
void unload_in(Session& session, const std::string& name);

} // namespace dynmon
