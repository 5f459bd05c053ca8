// SPDX-License-Identifier: BSD-2-Clause
// Bringing one monitor to a state from which every verb can start.
#pragma once

#include <string>
#include <vector>

#include "state/lock.hpp"
#include "state/store.hpp"

namespace dynmon {

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

// False: a load or unload of it was interrupted. The store is locked.
bool is_running(const Store& store, const std::string& name);
// Puts the programs of running monitors back into a chain that has lost all of them, in the order
// of the monitors' names: that of the chain is not known any more.
void restore_chain_order(const Store& store, const DirectoryLock& lock, const HookId& hook);

// Takes a monitor's programs out of their chains, waits until none of them runs, and removes its
// pins and every hook that it leaves idle.
void remove_monitor(const Store& store, const DirectoryLock& lock, const std::string& name);

// Takes what is left of the generations before the current one out of use: their programs are
// unpinned, and their maps kept only when they hold something that was not read yet.
// Returns true when something is kept.
bool retire_old_generations(const Store& store, const DirectoryLock& lock, const std::string& name);

// Removes staging directories of processes that are gone.
void remove_stale_staging(const Store& store, const DirectoryLock& lock,
                          const std::string& directory, std::vector<std::string>& actions);

} // namespace dynmon
