// SPDX-License-Identifier: BSD-2-Clause
// Getting rid of a monitor whose directory cannot be trusted.
#pragma once

#include <string>

#include "state/lock.hpp"
#include "state/store.hpp"

namespace dynmon {

// Throws Damaged when the directory of the monitor or a record in it is not what dynmon wrote, and
// Error{busy} with both ids when another owner's program is pinned under the name of one of its.
void require_whole(const Store& store, const std::string& name);

// Takes the programs that are pinned in the monitor's directory out of every chain, so that those
// behind them still run, and removes the directory. Asks the chains and the pins, not the records.
// Throws Error{failed} with what to do when the order of a chain cannot be found any more.
void force_remove(const Store& store, const DirectoryLock& lock, const std::string& name);

} // namespace dynmon
