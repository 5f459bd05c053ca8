// SPDX-License-Identifier: BSD-2-Clause
#include "control/recover_monitor.hpp"

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "control/chain_lookup.hpp"
#include "control/meter.hpp"
#include "control/window.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/clock.hpp"
#include "kernel/fence.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

// A hook whose device is gone runs nothing; its chain can be left as it is.
bool chain_is_live(const Store& store, const HookId& hook) {
    return exists(store.hook_dir(hook));
}

bool has_only(const std::vector<ChainMember>& members, const std::string& monitor) {
    return std::all_of(members.begin(), members.end(),
                       [&](const ChainMember& member) { return member.monitor == monitor; });
}

// Nothing can be taken out of a chain that another process unpinned, nor need it be where the hook
// goes along.
bool goes_with_its_chain(const Store& store, const HookId& hook, const std::string& monitor) {
    if (exists(store.hook_dir(hook) + "/chain"))
        return false;
    const HookPrograms programs_here = programs_at(store, hook);
    return has_only(programs_here.members, monitor) && programs_here.opaque.empty();
}

void leave_chains(const Store& store, const DirectoryLock& lock, const GenerationRecord& record,
                  bool clear) {
    for (const ProgramRecord& program : record.programs) {
        if (!chain_is_live(store, program.hook) ||
            goes_with_its_chain(store, program.hook, record.monitor))
            continue;
        Chain chain = open_chain_of(store, program.hook);
        const auto member = chain.find(record.monitor, record.number);
        if (!member)
            continue;
        if (clear)
            chain.clear_slots(lock, *member);
        else
            chain.remove(lock, *member);
    }
}

// A replace that was killed after publishing: put the new programs where the old ones stand.
bool finish_replace(const Store& store, const DirectoryLock& lock, const std::string& name,
                    const GenerationRecord& current) {
    bool changed = false;
    for (const ProgramRecord& program : current.programs) {
        if (!chain_is_live(store, program.hook))
            continue;
        Chain chain = open_chain_of(store, program.hook);
        const std::size_t member = chain.find(name, current.number).value();
        if (chain.active_side(name, current.number) || !is_made_for_hook(store, program))
            continue;
        changed = true;
        bool replaced = false;
        for (const ChainPlace& place : chain.order()) {
            if (chain.members()[place.member].monitor == name) {
                chain.replace(lock, place.member, member, current.initial_side);
                replaced = true;
                break;
            }
        }
        if (!replaced)
            chain.insert(lock, member, current.initial_side, {});
    }
    return changed;
}

// A swap that was killed between its slot writes: the state says which side it was for.
bool finish_swap(const Store& store, const DirectoryLock& lock, const GenerationRecord& current,
                 const MonitorState& state) {
    bool changed = false;
    for (const ProgramRecord& program : current.programs) {
        if (!chain_is_live(store, program.hook))
            continue;
        Chain chain = open_chain_of(store, program.hook);
        chain.repair(lock);
        if (!current.swaps())
            continue;
        const auto side = chain.active_side(current.monitor, current.number);
        if (side && *side != state.active_side()) {
            chain.swap(lock, chain.find(current.monitor, current.number).value(),
                       state.active_side());
            changed = true;
        }
    }
    return changed;
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

} // namespace

bool is_running(const Store& store, const std::string& name) {
    return running_state_of(store, name, generation_numbers(store.monitor_dir(name)).size())
        .has_value();
}

bool recover_monitor(const Store& store, const DirectoryLock& lock, const std::string& name,
                     std::vector<std::string>& actions, LookAt look) {
    const std::string dir = store.monitor_dir(name);
    remove_stale_staging(store, lock, dir, actions);
    const std::size_t generations = generation_numbers(dir).size();
    const std::optional<MonitorState> running = running_state_of(store, name, generations);
    if (!running) {
        remove_monitor(store, lock, name);
        actions.push_back("removed monitor '" + name + "', whose load or unload was interrupted");
        return false;
    }
    const GenerationDir current_dir = current_generation(store, name);
    const GenerationRecord current = current_dir.read_record();
    if (look == LookAt::whole_chains || !is_settled(store, current, *running, generations)) {
        if (finish_replace(store, lock, name, current))
            actions.push_back("finished the interrupted replace of monitor '" + name + "'");
        if (finish_swap(store, lock, current, *running))
            actions.push_back("finished the interrupted swap of monitor '" + name + "'");
        if (retire_old_generations(store, lock, name))
            actions.push_back("kept unread windows of monitor '" + name + "'");
    }
    if (stop_forgotten_metering(store, current_dir, current))
        actions.push_back("stopped the forgotten metering of monitor '" + name + "'");
    return true;
}

void restore_chain_order(const Store& store, const DirectoryLock& lock, const HookId& hook) {
    for (const ChainMember& member : programs_at(store, hook).members) {
        const MonitorState state = StateMap(store.monitor_dir(member.monitor) + "/state").read();
        const GenerationDir dir = current_generation(store, member.monitor);
        if (state.phase != Phase::running || dir.path() != member.dir.path())
            continue;
        const GenerationRecord record = dir.read_record();
        finish_replace(store, lock, member.monitor, record);
        finish_swap(store, lock, record, state);
    }
}

void remove_monitor(const Store& store, const DirectoryLock& lock, const std::string& name) {
    const std::string dir = store.monitor_dir(name);
    std::vector<GenerationRecord> records;
    std::vector<GenerationDir> dirs;
    std::set<HookId> hooks;
    for (const std::uint32_t number : generation_numbers(dir)) {
        const GenerationDir generation = generation_dir(dir, number);
        if (!generation.has_record())
            continue;
        records.push_back(generation.read_record());
        dirs.push_back(generation);
        hooks.merge(hooks_of(records.back()));
    }
    // Refuses what another program has changed, and a hook that dynmon must not remove, before it
    // changes anything.
    for (const HookId& hook : hooks) {
        if (!chain_is_live(store, hook))
            continue;
        require_own_link(store, hook);
        if (goes_with_its_chain(store, hook, name)) {
            require_right_to_remove(store, hook);
            continue;
        }
        const Chain chain = open_chain_of(store, hook);
        for (const GenerationRecord& record : records)
            chain.active_side(name, record.number); // throws if its place is not known
        if (has_only(chain.members(), name))
            require_right_to_remove(store, hook);
    }
    if (exists(dir + "/state")) {
        const StateMap map(dir + "/state");
        MonitorState state = map.read();
        state.phase = Phase::unloading;
        map.write(state);
    }
    for (const GenerationRecord& record : records)
        leave_chains(store, lock, record, false);
    fence();
    for (std::size_t i = 0; i < records.size(); ++i) {
        leave_chains(store, lock, records[i], true);
        dirs[i].remove_programs(records[i]);
    }
    // The records go last: they say which hooks an unload that is killed here still has to look at.
    remove_idle_hooks(store, lock, hooks);
    store.discard(dir);
}

bool retire_old_generations(const Store& store, const DirectoryLock& lock,
                            const std::string& name) {
    bool kept = false;
    const GenerationDir current = current_generation(store, name);
    const StateMap state(store.monitor_dir(name) + "/state");
    for (const GenerationDir& old : retired_generations(store, name)) {
        const GenerationRecord record = old.read_record();
        if (!has_programs(old, record)) {
            kept = true; // retired before; its last window waits to be read
            continue;
        }
        leave_chains(store, lock, record, false); // a direction that the new one does not have
        const std::uint64_t ended_ns = epoch_ns();
        fence();
        leave_chains(store, lock, record, true);
        const bool unread = retire(old, record, current, state, ended_ns) ||
                            log_has_generation(store.monitor_dir(name), record.number);
        old.remove_programs(record);
        remove_idle_hooks(store, lock, hooks_of(record));
        if (!unread)
            store.discard(old.path());
        kept = kept || unread;
    }
    return kept;
}

void remove_stale_staging(const Store&, const DirectoryLock&, const std::string& directory,
                          std::vector<std::string>& actions) {
    for (const std::string& name : list_directory(directory)) {
        if (!name.starts_with(staging_prefix))
            continue;
        int pid = 0;
        std::from_chars(name.data() + staging_prefix.size(), name.data() + name.size(), pid);
        // The lock is ours, so the process that staged this is not at work on it, whatever has its
        // pid now.
        remove_tree(directory + "/" + name);
        actions.push_back("removed what process " + std::to_string(pid) + " had staged");
    }
}

} // namespace dynmon
