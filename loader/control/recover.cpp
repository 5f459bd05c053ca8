// SPDX-License-Identifier: BSD-2-Clause
#include "control/recover.hpp"

#include <set>

#include "base/log.hpp"
#include "control/load.hpp"
#include "control/recover_monitor.hpp"
#include "control/store_port.hpp"
#include "kernel/own_pin.hpp"

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

} // namespace dynmon
