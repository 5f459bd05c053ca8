// SPDX-License-Identifier: BSD-2-Clause
// Recovering a whole store.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "control/execute.hpp"
#include "hook/chain_order.hpp"
#include "state/lock.hpp"
#include "state/state.hpp"
#include "state/store.hpp"

namespace dynmon {

// recover() as part of a session, whose port looks at everything. It goes on with the rest
// of the store when it cannot repair a part.
void recover_in(Session& session, Failures& failures);

// Bringing one monitor to a state from which every verb can start.

// The state of a monitor, and where it was seen to run.
struct OpenedState {
    StateMap state_map;
    MonitorState state;
    // Places of the current generation's programs in their chains; empty after a repair.
    std::vector<ChainPosition> positions;
};

// Rolls an interrupted replace or swap forward and an interrupted load or unload back, until the
// monitor is either running or gone. Both locks are held exclusively. Looks at the other monitors
// of its hooks only where something is half done. Returns nothing when the monitor is gone.
std::optional<OpenedState> settle_monitor(const Store& store, const DirectoryLock& lock,
                                          const std::string& name);

// For one that only looks: nothing is repaired.
OpenedState open_state(const Store& store, const std::string& name);

// The same as part of a session. Its port looks at the monitor and its hooks.
bool recover_in(Session& session, const std::string& name);

// False: a load or unload of it was interrupted. The store is locked.
bool is_running(const Store& store, const std::string& name);

} // namespace dynmon
