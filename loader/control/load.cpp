// SPDX-License-Identifier: BSD-2-Clause
#include "control/load.hpp"

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "control/build.hpp"
#include "control/load_hooks.hpp"
#include "control/load_in.hpp"
#include "control/load_port.hpp"
#include "kernel/features.hpp"
#include "policy/checked_probe.hpp"

namespace dynmon {

namespace {

void require_neighbour(const StoreSnapshot& now, const GenerationPlan& plan,
                       const Placement& asked) {
    const auto holds = [&](const ProgramPlan& program) {
        return now.chain_at(program.hook).holds(asked.monitor);
    };
    if (is_beside(asked) && std::none_of(plan.programs.begin(), plan.programs.end(), holds))
        throw Error(ErrorKind::usage, "monitor '" + asked.monitor + "' is not in this chain")
            .hint("--before and --after name a monitor on the same interface and hook");
}

// The store, made where it is missing, and locked. An unload that leaves the store empty removes
// it, maybe while we wait for its lock: then it is made again. A dry run makes none.
class LockedStore {
public:
    explicit LockedStore(const Settings& settings) {
        if (settings.dry_run != nullptr) {
            store_.emplace(settings.open_store(false));
            lock_ = store_->try_lock(DirectoryLock::Mode::exclusive);
            return;
        }
        while (!lock_) {
            try {
                store_.emplace(settings.open_store(true));
                lock_.emplace(store_->lock(DirectoryLock::Mode::exclusive));
                store_->make_directories(*lock_);
            } catch (const Error& error) {
                if (error.error_number() != ENOENT)
                    throw;
            }
        }
    }

    const Store& store() const { return *store_; }
    const DirectoryLock* lock() const { return lock_ ? &*lock_ : nullptr; }

private:
    std::optional<Store> store_;
    std::optional<DirectoryLock> lock_;
};

// A half loaded monitor of the name makes way, with its hooks.
Scope scope_of_load(const Store& store, const std::string& name, const std::set<HookId>& hooks) {
    Scope scope = scope_of(store, name);
    scope.hooks->insert(hooks.begin(), hooks.end());
    scope.health = true;
    return scope;
}

} // namespace

GenerationRecord load_monitor(const Settings& settings, const Probe& probe,
                              const LoadRequest& request) {
    require_identifier(request.name, "monitor name");
    require_allowed(settings.allowed(), candidate_of(probe));
    const MachinePolicies policies = settings.policies();
    require_machine_policy(policies, probe, request.assignments); // before any change
    const NetNs netns = netns_for(request);

    const LockedStore locked(settings);
    const Store& store = locked.store();
    Undo undo;
    if (settings.dry_run == nullptr)
        undo.add([&] { store.remove_if_empty(*locked.lock()); });
    const LoadHooks hooks(store, netns, probe, request);
    LoadPort port(store, locked.lock(), scope_of_load(store, request.name, hooks.ids()), netns);
    StoreSession session(port, settings.dry_run);
    const std::set<HookId> before = hooks.attached(session->now());
    GenerationPlan plan{.probe = &probe,
                        .monitor = request.name,
                        .assignments = request.assignments,
                        .clock = request.clock ? *request.clock : best_clock_source(),
                        .most_instructions = instruction_limit(policies),
                        .limit_ns = request.limit_ns.value_or(0),
                        .kernel_btf = request.kernel_btf};
    const auto load = [&](Session& running) {
        plan.programs = hooks.programs(running, before);
        require_neighbour(running.now(), plan, request.placement);
        return load_new(running, port, plan);
    };
    load_in(*session, request.name, hooks.requests(), load, request.placement);
    undo.commit();
    return port.loaded() != nullptr ? port.loaded()->record : planned_record(plan);
}

ProgramBounds verify_probe(const Probe& probe, HookKind hook,
                           const std::vector<std::string>& assignments,
                           const std::string& kernel_btf, std::uint64_t most_instructions) {
    GenerationPlan plan{.probe = &probe,
                        .monitor = "check",
                        .assignments = assignments,
                        .clock = best_clock_source(),
                        .most_instructions = most_instructions,
                        .kernel_btf = kernel_btf};
    const std::size_t sides = side_count(probe.manifest);
    const bool frags = xdp_frags_support() == Support::yes;
    for (const PathConfig& path : probe.manifest.paths) {
        const ProgramInfo& program =
            select_program(probe.manifest, probe.object, path.direction, hook);
        plan.programs.push_back({.direction = path.direction,
                                 .program = &program,
                                 .hook = {},
                                 .chain = Fd(),
                                 .slots = std::vector<std::uint32_t>(sides, 1),
                                 .frags = frags && program.declares_frags});
    }
    return load_generation(plan).bounds;
}

} // namespace dynmon
