#include "base/error.hpp"
#include "hook/hook.hpp"
#include "kernel/own_pin.hpp"
#include "monitor/evict.hpp"
#include "monitor/load.hpp"
#include "monitor/repair.hpp"
#include "monitor/roster.hpp"
#include "store/bpffs.hpp"

namespace dynmon {

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
    sweep_stages(store, lock, store.monitors_dir(), result.actions);
    sweep_stages(store, lock, store.hooks_dir(), result.actions);
    for (const HookId& hook : store.hooks()) {
        if (!is_whole(store, hook)) {
            remove_hook(store, lock, hook);
            result.actions.push_back("removed the damaged hook " + hook_dir_name(hook));
        } else if (restore_chain(store, lock, hook, true)) {
            result.actions.push_back("pinned the chain of " + hook_dir_name(hook) +
                                     " again, which had lost its programs");
        }
    }
    for (const std::string& name : store.monitors()) {
        try {
            require_whole(store, name);
        } catch (const Damaged& error) {
            evict(store, lock, name);
            result.actions.push_back("removed monitor '" + name + "': " + error.what());
        }
    }
    for (const std::string& name : store.monitors())
        settle_monitor(store, lock, name, result.actions);
    for (const HookId& hook : store.hooks()) {
        if (!members_at(store, hook).empty())
            continue;
        remove_hook(store, lock, hook);
        result.actions.push_back("removed the idle hook " + hook_dir_name(hook));
    }
    store.remove_if_empty(lock);
    return result;
}

} // namespace dynmon
