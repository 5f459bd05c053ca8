// SPDX-License-Identifier: BSD-2-Clause
// Recovering a whole store.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "control/execute.hpp"
#include "state/lock.hpp"
#include "state/store.hpp"

namespace dynmon {

// recover() as part of a session, whose port looks at everything. It goes on with the rest
// of the store when it cannot repair a part.
void recover_in(Session& session, Failures& failures);

// Bringing one monitor to a state from which every verb can start.

enum class LookAt {
    whole_chains,
    own_places // enough where packets run through the monitor's programs: see ChainPosition
};

// Rolls an interrupted replace or swap forward and an interrupted load or unload back, until the
// monitor is either running or gone. Both locks are held exclusively (the monitor's may be missing
// for a monitor that no reader knows yet). Appends what it did to `actions`.
// Returns false when the monitor is gone.
bool recover_monitor(const Store& store, const DirectoryLock& lock, const std::string& name,
                     std::vector<std::string>& actions, LookAt look = LookAt::whole_chains);

// The same as part of a session. Its port looks at the monitor and its hooks.
bool recover_in(Session& session, const std::string& name);

// False: a load or unload of it was interrupted. The store is locked.
bool is_running(const Store& store, const std::string& name);

} // namespace dynmon
