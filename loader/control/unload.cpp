// SPDX-License-Identifier: BSD-2-Clause
#include "control/unload.hpp"

#include "base/log.hpp"
#include "control/load.hpp"
#include "control/store_port.hpp"
#include "kernel/own_pin.hpp"

namespace dynmon {

void unload_in(Session& session, const std::string& name) {
    const auto force = [&](const Error& reason) {
        log::warn(reason.what());
        session.carry_out([&](Planner& planner) { plan_force_remove(planner, name); });
    };
    if (const auto found = session.now().unsound.find(name); found != session.now().unsound.end()) {
        if (!found->second.damaged)
            throw found->second.error;
        force(found->second.error);
    } else {
        try {
            session.carry_out([&](Planner& planner) { plan_remove(planner, name); });
        } catch (const Damaged& error) {
            session.look_at_all();
            force(error);
        }
    }
    session.carry_out(plan_remove_store);
}

void unload_monitor(const Settings& settings, const std::string& name) {
    const Store store = settings.open_store(false);
    const DirectoryLock reading = store.lock_monitor(name, DirectoryLock::Mode::exclusive);
    const DirectoryLock lock = store.lock_for(name, DirectoryLock::Mode::exclusive);
    Scope scope{.monitors = std::set<std::string>{name}};
    try {
        scope = scope_of(store, name);
    } catch (const Damaged&) {
        // its record does not say on which hooks it is: all are looked at
    }
    scope.soundness = true;
    StorePort port(store, &lock, std::move(scope));
    StoreSession session(port, settings.dry_run);
    unload_in(*session, name);
}

} // namespace dynmon
