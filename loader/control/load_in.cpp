// SPDX-License-Identifier: BSD-2-Clause
#include "control/load_in.hpp"

#include "control/recover_monitor.hpp"

namespace dynmon {

namespace {

// A monitor of the name that was never whole makes way.
void require_new_name(Session& session, const std::string& name) {
    if (!session.now().has(session.now().paths.monitor_dir(name)))
        return;
    const auto state = session.now().state(name);
    const bool running =
        state && state->phase == Phase::running && !session.now().generations(name).empty();
    if (running || recover_in(session, name))
        throw Error(ErrorKind::busy, "monitor '" + name + "' is loaded already")
            .hint("`replace` exchanges its probe, `apply` loads or replaces, `unload` removes it");
}

void make_hooks(Session& session, const std::vector<HookRequest>& hooks) {
    session.carry_out([&](Planner& planner) {
        for (const HookRequest& hook : hooks)
            plan_hook(planner, hook);
    });
}

} // namespace

void load_in(Session& session, const std::string& name, const std::vector<HookRequest>& hooks,
             const LoadNew& load, const Placement& placement) {
    session.carry_out([](Planner& planner) {
        plan_sweep(planner, planner.now().paths.monitors_dir());
        plan_sweep(planner, planner.now().paths.hooks_dir());
    });
    require_new_name(session, name);
    for (const HookRequest& hook : hooks)
        session.carry_out([&](Planner& planner) { plan_repair_chain(planner, hook.id); });
    session.as_one([&] {
        make_hooks(session, hooks);
        const NewGeneration generation = load(session);
        session.carry_out([&](Planner& planner) { plan_load(planner, generation, placement); });
    });
}

void replace_in(Session& session, const std::string& name, const std::vector<HookRequest>& hooks,
                const LoadNew& load) {
    session.as_one([&] {
        make_hooks(session, hooks);
        const NewGeneration generation = load(session);
        session.carry_out([&](Planner& planner) { plan_next_generation(planner, generation); });
    });
    recover_in(session, name);
    session.carry_out(
        [&](Planner& planner) { planner.add(MakeTotals{planner.now().paths.monitor_dir(name)}); });
}

} // namespace dynmon
