// SPDX-License-Identifier: BSD-2-Clause
// The hooks of a load, made where they are missing, and taken down again if it fails.
#pragma once

#include "base/error.hpp"
#include "control/build.hpp"
#include "control/load.hpp"
#include "hook/chain.hpp"
#include "kernel/device.hpp"
#include "kernel/netns.hpp"

namespace dynmon {

NetNs netns_for(const LoadRequest& request);

// Before or after another monitor.
bool is_beside(const Placement& placement);
// A neighbour with one direction is not in the chain of the other: there any place will do.
Placement placement_in(const Chain& chain, const Placement& asked);

// The store is locked exclusively for as long as this and `undo` live.
class LoadHooks {
public:
    LoadHooks(const Store& store, const DirectoryLock& lock, const NetNs& netns, Undo& undo)
        : store_(store), lock_(lock), netns_(netns), undo_(undo) {}

    ProgramPlan prepare(const Probe& probe, const LoadRequest& request, Direction direction,
                        HookKind kind);

private:
    void warn_of_another_way(const LoadRequest& request, const HookId& id) const;
    Link look_at_device(const HookId& id) const;
    int ifindex(const LoadRequest& request) const;

    const Store& store_;
    const DirectoryLock& lock_;
    const NetNs& netns_;
    Undo& undo_;
};

} // namespace dynmon
