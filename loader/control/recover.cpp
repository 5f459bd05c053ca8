// SPDX-License-Identifier: BSD-2-Clause
#include "control/recover.hpp"

#include <algorithm>
#include <set>

#include "base/log.hpp"
#include "control/chain_lookup.hpp"
#include "control/load.hpp"
#include "control/meter.hpp"
#include "control/store_port.hpp"
#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

void force_remove_if_damaged(Session& session, const std::string& name) {
    const auto found = session.now().unsound.find(name);
    if (found == session.now().unsound.end())
        return;
    const Fault fault = found->second;
    if (!fault.damaged)
        throw fault.error;
    session.carry_out([&](Planner& planner) {
        plan_force_remove(planner, name);
        planner.say("removed monitor '" + name + "': " + fault.error.what());
    });
}

void remove_if_idle(Session& session, const HookId& hook) {
    session.carry_out([&](Planner& planner) {
        const std::size_t before = planner.plan().steps.size();
        planner.remove_if_idle({hook});
        if (planner.plan().steps.size() > before)
            planner.say("removed the idle hook " + hook_dir_name(hook));
    });
}

} // namespace

void recover_in(Session& session, Failures& failures) {
    session.carry_out([](Planner& planner) {
        plan_sweep(planner, planner.now().paths.monitors_dir());
        plan_sweep(planner, planner.now().paths.hooks_dir());
    });
    for (const HookId& hook : session.now().hooks())
        failures.attempt(
            [&] { session.carry_out([&](Planner& planner) { plan_repair_hook(planner, hook); }); });
    std::set<std::string> whole;
    for (const std::string& name : session.now().monitors())
        failures.attempt([&] {
            force_remove_if_damaged(session, name);
            whole.insert(name);
        });
    for (const std::string& name : session.now().monitors())
        if (whole.contains(name))
            failures.attempt([&] { recover_in(session, name); });
    for (const HookId& hook : session.now().hooks())
        failures.attempt([&] { remove_if_idle(session, hook); });
    session.carry_out(plan_remove_store);
}

Recovered recover(const Settings& settings) {
    Recovered result;
    const Store store = settings.open_store(false);
    if (!store.present())
        return result;
    std::vector<DirectoryLock> reading;
    for (const std::string& name : store.monitors()) {
        try {
            if (auto held = store.try_lock_monitor(name, DirectoryLock::Mode::exclusive))
                reading.push_back(std::move(*held));
        } catch (const Damaged&) {
            // no directory: there is nothing to lock, and below it is removed
        }
    }
    const auto locked = store.try_lock(DirectoryLock::Mode::exclusive);
    if (!locked)
        return result;
    StorePort port(store, &*locked, {.soundness = true, .upkeep = true, .totals = true});
    StoreSession session(port, settings.dry_run);
    Failures failures; // an error in one part does not stop the others
    recover_in(*session, failures);
    result.actions = session->said();
    if (failures.any())
        for (const std::string& action : result.actions) // was done in spite of them
            log::info(action);
    failures.throw_first();
    return result;
}

OpenedState open_state(const Store& store, const std::string& name) {
    StateMap map(store.monitor_dir(name) + "/state");
    const MonitorState state = map.read();
    return {std::move(map), state, {}};
}

namespace {

// A hook whose device is gone runs nothing; its chain can be left as it is.
bool chain_is_live(const Store& store, const HookId& hook) {
    return exists(store.hook_dir(hook));
}

// Nothing of the monitor is half done, which is so at nearly every call: found without a look at
// the other monitors of its hooks. Returns where its programs are, or nothing.
std::optional<std::vector<ChainPosition>> settled_positions(const Store& store,
                                                            const GenerationRecord& current,
                                                            const MonitorState& state,
                                                            std::size_t generations) {
    std::vector<ChainPosition> positions;
    if (generations != 1)
        return std::nullopt;
    for (const ProgramRecord& program : current.programs) {
        if (!chain_is_live(store, program.hook))
            continue;
        auto place = ChainPosition::find(store, program.hook, program);
        if (!place || (current.swaps() && place->side() != state.active_side()))
            return std::nullopt;
        positions.push_back(std::move(*place));
    }
    return positions;
}

// Nothing: its load or unload was interrupted.
std::optional<OpenedState> running_state_of(const Store& store, const std::string& name,
                                            std::size_t generations) {
    if (generations == 0 || !exists(store.monitor_dir(name) + "/state"))
        return std::nullopt;
    OpenedState monitor = open_state(store, name);
    return monitor.state.phase == Phase::running ? std::optional(std::move(monitor)) : std::nullopt;
}

bool has_staging(const std::string& dir) {
    const std::vector<std::string> names = list_directory(dir);
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return name.starts_with(staging_prefix); });
}

} // namespace

bool is_running(const Store& store, const std::string& name) {
    return running_state_of(store, name, generation_numbers(store.monitor_dir(name)).size())
        .has_value();
}

bool recover_in(Session& session, const std::string& name) {
    bool running = true;
    do // a replaced generation is looked at again when it has come to rest
        running = session.carry_out([&](Planner& planner) { return plan_recover(planner, name); });
    while (session.wants_look());
    return running;
}

std::optional<OpenedState> settle_monitor(const Store& store, const DirectoryLock& lock,
                                          const std::string& name) {
    const std::string dir = store.monitor_dir(name);
    const std::size_t generations = generation_numbers(dir).size();
    std::optional<OpenedState> running = running_state_of(store, name, generations);
    if (running && !has_staging(dir)) {
        const GenerationDir current_dir = current_generation(store, name);
        const GenerationRecord current = current_dir.read_record();
        if (auto positions = settled_positions(store, current, running->state, generations)) {
            stop_forgotten_metering(store, current_dir, current);
            running->positions = std::move(*positions);
            return running;
        }
    }
    Scope scope = scope_of(store, name);
    scope.upkeep = true;
    StorePort port(store, &lock, scope);
    Session session(port);
    if (!recover_in(session, name))
        return std::nullopt;
    return open_state(store, name);
}

} // namespace dynmon
