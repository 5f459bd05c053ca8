// SPDX-License-Identifier: BSD-2-Clause
// Putting a probe on an interface, and taking it off again.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/build.hpp"
#include "control/execute.hpp"
#include "control/settings.hpp"
#include "hook/chain.hpp"
#include "hook/hook.hpp"
#include "kernel/device.hpp"
#include "kernel/netns.hpp"
#include "object/probe.hpp"
#include "policy/instructions.hpp"

namespace dynmon {

struct LoadRequest {
    std::string name;
    std::string device;
    std::string netns;                        // "" for the caller's
    std::optional<HookKind> hook;             // unset: the manifest's
    std::optional<XdpMode> mode;              // unset: the manifest's
    std::optional<Attach> tc_attach;          // unset: TCX where the kernel has it
    std::optional<HookOrder> order;           // unset: the head
    std::optional<std::uint32_t> tc_priority; // of a clsact filter; unset: as `order` says
    std::optional<ClockSource> clock;         // unset: the best of this kernel
    std::optional<std::uint64_t> limit_ns;    // what a packet may cost; unset, 0: anything
    Placement placement;
    std::vector<std::string> assignments; // --set name=value
    std::string kernel_btf;
};

// Loads, pins and starts the probe as monitor `request.name`; on any error nothing of it is left.
// Throws Error{busy} when the name or the hook is taken, VerifierError, and what check finds.
GenerationRecord load_monitor(const Settings& settings, const Probe& probe,
                              const LoadRequest& request);

struct ReplaceRequest {
    std::string name;
    // Go on with the maps of the running generation: `all` refuses when a map of the same name is
    // of another type, `matching` starts that one empty.
    enum class Keep { none, matching, all } keep_maps = Keep::none;
    std::optional<ClockSource> clock;
    std::optional<std::uint64_t> limit_ns; // unset: that of the running generation
    std::vector<std::string> assignments;
    std::string kernel_btf;
    // Not owned: where the new generation goes; null: where the old one is.
    const LoadRequest* place = nullptr;
};

struct ReplaceReport {
    GenerationRecord record;
    std::vector<std::string> carried; // maps that went on
    bool unread = false;              // the old generation still holds a window to read
};

// Puts another program in the place of a running one, in one step; packets are counted by the old
// one or by the new one. On any error the old one runs on, untouched.
ReplaceReport replace_monitor(const Settings& settings, const Probe& probe,
                              const ReplaceRequest& request);

// Takes a monitor off its hooks and removes everything of it; the last one removes the hook.
void unload_monitor(const Settings& settings, const std::string& name);

struct Recovered {
    std::vector<std::string> actions; // one sentence each; empty: there was nothing to do
};

// Finishes or takes back what killed loaders left behind. Where it cannot, it goes on with the
// other monitors and hooks, and throws the first such error at the end.
Recovered recover(const Settings& settings);

// Loads the probe's programs into the verifier and lets go of them: nothing is attached or pinned.
// Returns how many instructions they may run, as the verifier counts them.
ProgramBounds verify_probe(const Probe& probe, HookKind hook,
                           const std::vector<std::string>& assignments,
                           const std::string& kernel_btf,
                           std::uint64_t most_instructions = preset_instructions);

// The hooks of a load: which they are, and what the programs find there.

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

// Loading and replacing as parts of a session, on whatever its port stands for.

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
