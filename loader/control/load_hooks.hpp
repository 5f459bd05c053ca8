// SPDX-License-Identifier: BSD-2-Clause
// The hooks of a load: which they are, and what the programs find there.
#pragma once

#include <set>
#include <vector>

#include "control/build.hpp"
#include "control/execute.hpp"
#include "control/load.hpp"
#include "hook/chain.hpp"
#include "kernel/device.hpp"
#include "kernel/netns.hpp"

namespace dynmon {

NetNs netns_for(const LoadRequest& request);

// The store is locked exclusively for as long as this lives. Nothing that it is made of is owned.
class LoadHooks {
public:
    LoadHooks(const Store& store, const NetNs& netns, const Probe& probe,
              const LoadRequest& request);

    const std::vector<HookRequest>& requests() const { return requests_; } // one a direction
    std::set<HookId> ids() const;
    // Which of them are made already, and need not be made.
    std::set<HookId> attached(const StoreSnapshot& now) const;
    // Where the programs go, once the hooks are there; `before`: those that were attached already.
    // Throws Error{busy} or Error{usage} when the chain has no place for one.
    std::vector<ProgramPlan> programs(Session& session, const std::set<HookId>& before) const;

private:
    ProgramPlan program(Session& session, std::size_t index, bool is_new) const;
    void warn_of_another_way(const HookId& id) const;
    Link look_at_device(const HookId& id) const;

    const Store& store_;
    const NetNs& netns_;
    const Probe& probe_;
    const LoadRequest& request_;
    HookKind kind_;
    std::vector<HookRequest> requests_;
};

} // namespace dynmon
