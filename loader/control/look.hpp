// SPDX-License-Identifier: BSD-2-Clause
// Reads what a StoreSnapshot holds out of the store and the kernel. The store is locked meanwhile,
// and as long as the snapshot is to be true.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "control/snapshot.hpp"
#include "state/store.hpp"

namespace dynmon {

// How much of the store is looked at. Each monitor has the programs of its records.
struct Scope {
    std::optional<std::set<HookId>> hooks;         // unset: all
    std::optional<std::set<std::string>> monitors; // with state and maps; unset: all
    bool health = false;                           // of the hooks
    bool soundness = false;                        // of those, whether they may only be removed
    bool contents = false; // of those, what their maps hold; else only where one was replaced
    bool upkeep = false;   // of those that run, whether a process left their programs metered
    bool totals = false;   // with `upkeep`: whether all of them are there
};

// Throws what keeps it from looking (no memory, no descriptors left). What is wrong with one
// monitor or hook is a fault in the snapshot.
StoreSnapshot look_at(const Store& store, const Scope& scope);

// The parts of it: the programs of all monitors, and one hook more.
StoreSnapshot look_at_monitors(const Store& store);
enum class LookAtSlots { all, of_members };
void look_at_hook(const Store& store, const HookId& hook, StoreSnapshot& found,
                  LookAtSlots which = LookAtSlots::all);

// The monitor and all hooks of its generations that are there.
Scope scope_of(const Store& store, const std::string& monitor);

// Whether the directory of a monitor can be trusted.

// Throws Damaged when the directory of the monitor or a record in it is not what dynmon wrote, and
// Error{busy} with both ids when another owner's program is pinned under the name of one of its.
void require_whole(const Store& store, const std::string& name);

} // namespace dynmon
