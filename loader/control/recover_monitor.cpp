// SPDX-License-Identifier: BSD-2-Clause
#include "control/recover_monitor.hpp"

#include <algorithm>

#include "control/chain_lookup.hpp"
#include "control/meter.hpp"
#include "control/store_port.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

// A hook whose device is gone runs nothing; its chain can be left as it is.
bool chain_is_live(const Store& store, const HookId& hook) {
    return exists(store.hook_dir(hook));
}

// Nothing of the monitor is half done, which is so at nearly every call: found without a look at
// the other monitors of its hooks.
bool is_settled(const Store& store, const GenerationRecord& current, const MonitorState& state,
                std::size_t generations) {
    return generations == 1 &&
           std::all_of(
               current.programs.begin(), current.programs.end(), [&](const ProgramRecord& program) {
                   if (!chain_is_live(store, program.hook))
                       return true;
                   const auto place = ChainPosition::find(store, program.hook, program);
                   return place && (!current.swaps() || place->side() == state.active_side());
               });
}

// Nothing: its load or unload was interrupted.
std::optional<MonitorState> running_state_of(const Store& store, const std::string& name,
                                             std::size_t generations) {
    const std::string path = store.monitor_dir(name) + "/state";
    if (generations == 0 || !exists(path))
        return std::nullopt;
    const MonitorState state = StateMap(path).read();
    return state.phase == Phase::running ? std::optional(state) : std::nullopt;
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

bool recover_monitor(const Store& store, const DirectoryLock& lock, const std::string& name,
                     std::vector<std::string>& actions, LookAt look) {
    const std::string dir = store.monitor_dir(name);
    const std::size_t generations = generation_numbers(dir).size();
    const std::optional<MonitorState> running = running_state_of(store, name, generations);
    if (running && look == LookAt::own_places && !has_staging(dir)) {
        const GenerationDir current_dir = current_generation(store, name);
        const GenerationRecord current = current_dir.read_record();
        if (is_settled(store, current, *running, generations)) {
            stop_forgotten_metering(store, current_dir, current);
            return true;
        }
    }
    Scope scope = scope_of(store, name);
    scope.upkeep = true;
    StorePort port(store, &lock, scope);
    Session session(port);
    const bool is_there = recover_in(session, name);
    actions.insert(actions.end(), session.said().begin(), session.said().end());
    return is_there;
}

} // namespace dynmon
