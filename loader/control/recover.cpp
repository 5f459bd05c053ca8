// SPDX-License-Identifier: BSD-2-Clause
#include <set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "control/chain_lookup.hpp"
#include "control/force_remove.hpp"
#include "control/load.hpp"
#include "control/recover_monitor.hpp"
#include "control/window.hpp"
#include "control/window_writer.hpp"
#include "hook/hook.hpp"
#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

void mend_hook(const Store& store, const DirectoryLock& lock, const HookId& hook,
               std::vector<std::string>& actions) {
    if (!is_whole(store, hook)) {
        remove_hook(store, lock, hook);
        actions.push_back("removed the damaged hook " + hook_dir_name(hook));
    } else if (restore_chain(store, lock, hook, true)) {
        actions.push_back("pinned the chain of " + hook_dir_name(hook) +
                          " again, which had lost its programs");
    }
}

void force_remove_if_damaged(const Store& store, const DirectoryLock& lock, const std::string& name,
                             std::vector<std::string>& actions) {
    try {
        require_whole(store, name);
    } catch (const Damaged& error) {
        force_remove(store, lock, name);
        actions.push_back("removed monitor '" + name + "': " + error.what());
    }
}

// A replace that was killed has not made them, and readers without rights cannot.
void make_totals_of(const Store& store, const std::string& name) {
    const GenerationDir current = current_generation(store, name);
    make_totals(store.monitor_dir(name), metric_sources(current, current.read_record()));
}

void remove_if_idle(const Store& store, const DirectoryLock& lock, const HookId& hook,
                    std::vector<std::string>& actions) {
    if (!programs_at(store, hook).is_empty())
        return;
    remove_hook(store, lock, hook);
    actions.push_back("removed the idle hook " + hook_dir_name(hook));
}

} // namespace

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
    const DirectoryLock& lock = *locked;
    remove_stale_staging(store, lock, store.monitors_dir(), result.actions);
    remove_stale_staging(store, lock, store.hooks_dir(), result.actions);
    Failures failures; // what cannot be mended does not keep the rest from it
    for (const HookId& hook : store.hooks())
        failures.attempt([&] { mend_hook(store, lock, hook, result.actions); });
    std::set<std::string> whole;
    for (const std::string& name : store.monitors())
        failures.attempt([&] {
            force_remove_if_damaged(store, lock, name, result.actions);
            whole.insert(name);
        });
    for (const std::string& name : store.monitors())
        if (whole.contains(name))
            failures.attempt([&] {
                if (recover_monitor(store, lock, name, result.actions))
                    make_totals_of(store, name);
            });
    for (const HookId& hook : store.hooks())
        failures.attempt([&] { remove_if_idle(store, lock, hook, result.actions); });
    store.remove_if_empty(lock);
    if (failures.any())
        for (const std::string& action : result.actions) // was done in spite of them
            log::info(action);
    failures.throw_first();
    return result;
}

} // namespace dynmon
