// SPDX-License-Identifier: BSD-2-Clause
#include "control/load.hpp"

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "control/build.hpp"
#include "control/chain_lookup.hpp"
#include "control/load_hooks.hpp"
#include "control/recover_monitor.hpp"
#include "control/store_port.hpp"
#include "control/window_claim.hpp"
#include "control/window_writer.hpp"
#include "kernel/features.hpp"
#include "policy/checked_probe.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

// Leaves a running monitor alone: a change takes its own lock, which another process may hold.
void require_new_name(const Store& store, const DirectoryLock& lock, const std::string& name) {
    std::vector<std::string> actions;
    if (!exists(store.monitor_dir(name)) ||
        (!is_running(store, name) && !recover_monitor(store, lock, name, actions)))
        return;
    throw Error(ErrorKind::busy, "monitor '" + name + "' is loaded already")
        .hint("`replace` exchanges its probe, `apply` loads or replaces, `unload` removes it");
}

void require_neighbour(const Store& store, const GenerationPlan& plan, const Placement& asked) {
    const auto holds = [&](const ProgramPlan& program) {
        return open_chain_of(store, program.hook).holds(asked.monitor);
    };
    if (is_beside(asked) && std::none_of(plan.programs.begin(), plan.programs.end(), holds))
        throw Error(ErrorKind::usage, "monitor '" + asked.monitor + "' is not in this chain")
            .hint("--before and --after name a monitor on the same interface and hook");
}

// The store, made where it is missing, and locked. An unload that leaves the store empty removes
// it, maybe while we wait for its lock: then it is made again.
class LockedStore {
public:
    explicit LockedStore(const Settings& settings) {
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
    const DirectoryLock& lock() const { return *lock_; }

private:
    std::optional<Store> store_;
    std::optional<DirectoryLock> lock_;
};

void sweep(const Store& store, const DirectoryLock& lock) {
    StorePort port(store, lock, {.hooks = std::set<HookId>{}, .monitors = std::set<std::string>{}});
    Session(port).carry_out([&](Planner& planner) {
        plan_sweep(planner, store.monitors_dir());
        plan_sweep(planner, store.hooks_dir());
    });
}

void publish_monitor(const Store& store, const LoadedGeneration& generation, Undo& undo) {
    const std::string stage = store.staging_dir(store.monitors_dir());
    Undo stage_undo;
    make_directory(stage);
    stage_undo.add([&] { remove_tree(stage); });
    pin_generation(generation, generation_dir(stage, generation.record.number));
    MonitorState state;
    state.active = static_cast<std::uint32_t>(generation.record.initial_side);
    StateMap::create(stage + "/state", state);
    WindowClaim::make_place(stage);
    make_totals(stage,
                metric_sources(generation_dir(stage, generation.record.number), generation.record));
    const std::string dir = store.monitor_dir(generation.record.monitor);
    publish(stage, dir);
    stage_undo.commit();
    undo.add([&store, dir] { store.discard(dir); });
}

// From here on packets are counted. The first write is the commit of a load with one direction;
// until the state says `running`, the next verb takes a killed load back.
void start_monitor(const Store& store, const DirectoryLock& lock, const GenerationRecord& record,
                   const Placement& placement) {
    StorePort port(store, lock, scope_of(store, record.monitor));
    Session(port).carry_out([&](Planner& planner) {
        for (const ProgramRecord& program : record.programs) {
            const Chain chain = planner.now().chain_at(program.hook);
            planner.change_chain(program.hook,
                                 chain.insert(chain.find(record.monitor, record.number).value(),
                                              record.initial_side, placement_in(chain, placement)));
        }
        MonitorState state = planner.now().state(record.monitor).value();
        state.phase = Phase::running;
        planner.add(WriteState{store.monitor_dir(record.monitor) + "/state", state, true});
    });
}

} // namespace

GenerationRecord load_monitor(const Settings& settings, const Probe& probe,
                              const LoadRequest& request) {
    require_identifier(request.name, "monitor name");
    require_allowed(settings.allowed(), candidate_of(probe));
    const MachinePolicies policies = settings.policies();
    require_machine_policy(policies, probe, request.assignments); // before any change
    const HookKind kind = request.hook.value_or(probe.manifest.hook);
    const NetNs netns = netns_for(request);

    const LockedStore locked(settings);
    const Store& store = locked.store();
    const DirectoryLock& lock = locked.lock();
    sweep(store, lock);
    require_new_name(store, lock, request.name);

    Undo undo;
    undo.add([&] { store.remove_if_empty(lock); });
    LoadHooks hooks(store, lock, netns, undo);
    GenerationPlan plan{.probe = &probe,
                        .monitor = request.name,
                        .assignments = request.assignments,
                        .clock = request.clock ? *request.clock : best_clock_source(),
                        .most_instructions = instruction_limit(policies),
                        .limit_ns = request.limit_ns.value_or(0),
                        .kernel_btf = request.kernel_btf};
    for (const PathConfig& path : probe.manifest.paths)
        plan.programs.push_back(hooks.prepare(probe, request, path.direction, kind));
    require_neighbour(store, plan, request.placement);
    const LoadedGeneration generation = load_generation(plan);
    publish_monitor(store, generation, undo);
    start_monitor(store, lock, generation.record, request.placement);
    undo.commit();
    return generation.record;
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
