// SPDX-License-Identifier: BSD-2-Clause
// Loading and replacing as parts of a session, on whatever its port stands for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "control/execute.hpp"

namespace dynmon {

// Called when the hooks are there: runs LoadPrograms in the session and says what was loaded.
using LoadNew = std::function<NewGeneration(Session&)>;

// The port looks at `hooks`, their health and the monitor. Throws Error{busy} when the name is
// taken; on any error nothing is left of the monitor and of hooks that were made for it.
void load_in(Session& session, const std::string& name, const std::vector<HookRequest>& hooks,
             const LoadNew& load, const Placement& placement);

// `hooks`: those where the monitor is not yet. It is whole, which recover_in() sees to. On an error
// before the new generation is published the old one runs on, after that the next verb goes on.
void replace_in(Session& session, const std::string& name, const std::vector<HookRequest>& hooks,
                const LoadNew& load);

} // namespace dynmon
