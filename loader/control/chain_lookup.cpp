// SPDX-License-Identifier: BSD-2-Clause
#include "control/chain_lookup.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "hook/hook.hpp"
#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

bool is_about_record(const Error& error) {
    return dynamic_cast<const Damaged*>(&error) != nullptr ||
           error.kind() == ErrorKind::unsupported;
}

namespace {

bool has_program(const GenerationDir& dir, const ProgramRecord& program) {
    for (std::size_t side = 0; side < program.slots.size(); ++side)
        if (exists(dir.program_path(program.direction, static_cast<Side>(side))))
            return true;
    return false;
}

// Calls `add` with each program of the monitor that may be in a chain.
template <typename Add>
void for_each_member(const Store& store, const std::string& monitor, Add&& add) {
    for (const std::uint32_t number : generation_numbers(store.monitor_dir(monitor))) {
        const GenerationDir dir = generation_dir(store.monitor_dir(monitor), number);
        if (!dir.has_record())
            continue;
        for (const ProgramRecord& program : dir.read_programs())
            if (has_program(dir, program))
                add(ChainMember{monitor, number, dir, program});
    }
}

// Calls `use` for each monitor, and `refuse` with the reason for one whose record cannot be used.
template <typename Use, typename Refuse>
void for_each_monitor(const Store& store, Use&& use, Refuse&& refuse) {
    for (const std::string& monitor : store.monitors()) {
        try {
            use(monitor);
        } catch (const Error& error) {
            if (!is_about_record(error))
                throw;
            log::debug("monitor '" + monitor + "': " + error.what());
            refuse(monitor, error);
        }
    }
}

// Whatever it is called there: another version may have its own names.
void add_programs_in(const std::string& directory, std::vector<Fd>& programs) {
    for (const std::string& name : list_directory(directory)) {
        try {
            if (Fd program = try_open_own(directory + "/" + name, "bpf-prog"))
                programs.push_back(std::move(program));
        } catch (const Damaged&) {
            // something else
        }
    }
}

std::vector<Fd> pinned_programs_of(const std::string& monitor_dir) {
    std::vector<Fd> programs;
    if (!is_directory(monitor_dir))
        return programs;
    add_programs_in(monitor_dir, programs);
    for (const std::string& name : list_directory(monitor_dir))
        if (is_directory(monitor_dir + "/" + name))
            add_programs_in(monitor_dir + "/" + name, programs);
    return programs;
}

// Adds those that call the slots of the hook's chain.
void add_opaque(const Store& store, const HookId& hook, const std::string& monitor,
                const Error& reason, std::vector<OpaqueMember>& opaque) {
    const std::vector<std::uint32_t> chains = chain_ids(store, hook);
    for (Fd& program : pinned_programs_of(store.monitor_dir(monitor))) {
        const ProgramFacts facts = program_facts(program);
        if (std::any_of(facts.map_ids.begin(), facts.map_ids.end(), [&](std::uint32_t id) {
                return std::find(chains.begin(), chains.end(), id) != chains.end();
            }))
            opaque.push_back({monitor, reason, std::move(program), facts.id, facts.name});
    }
}

} // namespace

bool has_programs(const GenerationDir& dir, const GenerationRecord& record) {
    return std::any_of(record.programs.begin(), record.programs.end(),
                       [&](const ProgramRecord& program) { return has_program(dir, program); });
}

HookPrograms programs_at(const Store& store, const HookId& hook) {
    HookPrograms programs_here;
    for_each_monitor(
        store,
        [&](const std::string& monitor) {
            for_each_member(store, monitor, [&](ChainMember member) {
                if (member.program.hook == hook)
                    programs_here.members.push_back(std::move(member));
            });
        },
        [&](const std::string& monitor, const Error& error) {
            add_opaque(store, hook, monitor, error, programs_here.opaque);
        });
    return programs_here;
}

ChainsOfStore::ChainsOfStore(const Store& store) : store_(store) {
    try {
        for_each_monitor(
            store,
            [&](const std::string& monitor) {
                for_each_member(store, monitor, [&](ChainMember member) {
                    members_[member.program.hook].push_back(std::move(member));
                });
            },
            [&](const std::string& monitor, const Error& error) {
                unusable_.emplace_back(monitor, error);
            });
    } catch (const Error& error) {
        fault_ = error; // of each chain that is asked for
    }
}

const Chain& ChainsOfStore::at(const HookId& hook) {
    if (const auto known = chains_.find(hook); known != chains_.end())
        return known->second;
    if (fault_)
        throw *fault_;
    Fd map = open_chain(store_, hook);
    std::vector<OpaqueMember> opaque;
    for (const auto& [monitor, error] : unusable_)
        add_opaque(store_, hook, monitor, error, opaque);
    Chain chain(std::move(map), members_[hook], std::move(opaque),
                ChainOrder(store_.hook_dir(hook)));
    chain.close(); // of a thousand hooks
    return chains_.emplace(hook, std::move(chain)).first->second;
}

Chain open_chain_of(const Store& store, const HookId& hook) {
    Fd map = open_chain(store, hook);
    HookPrograms programs_here = programs_at(store, hook);
    return Chain(std::move(map), std::move(programs_here.members), std::move(programs_here.opaque),
                 ChainOrder(store.hook_dir(hook)));
}

// The kernel counts ids upwards, and a hook is made before the first program that goes there.
bool is_made_for_hook(const Store& store, const ProgramRecord& program) {
    return program.ids.front() > pivot_id(store, program.hook);
}

bool is_made_for_device(const Store& store, const ProgramRecord& program) {
    const std::uint32_t first = read_hook_record(store, program.hook).first_pivot;
    return program.ids.front() > (first == 0 ? pivot_id(store, program.hook) : first);
}

std::set<HookId> hooks_of(const GenerationRecord& record) {
    std::set<HookId> hooks;
    for (const ProgramRecord& program : record.programs)
        hooks.insert(program.hook);
    return hooks;
}

GenerationDir current_generation(const Store& store, const std::string& monitor) {
    const std::string dir = store.monitor_dir(monitor);
    const std::vector<std::uint32_t> numbers = generation_numbers(dir);
    if (numbers.empty())
        throw Error(ErrorKind::failed, "monitor '" + monitor + "' has no generation")
            .hint("`dynmon-load recover` removes it");
    return generation_dir(dir, numbers.back());
}

std::vector<GenerationDir> retired_generations(const Store& store, const std::string& monitor) {
    const std::string dir = store.monitor_dir(monitor);
    std::vector<GenerationDir> retired;
    std::vector<std::uint32_t> numbers = generation_numbers(dir);
    if (!numbers.empty())
        numbers.pop_back();
    for (const std::uint32_t number : numbers)
        retired.push_back(generation_dir(dir, number));
    return retired;
}

void remove_idle_hooks(const Store& store, const DirectoryLock& lock,
                       const std::set<HookId>& hooks) {
    for (const HookId& hook : hooks)
        if (exists(store.hook_dir(hook)) && programs_at(store, hook).is_empty())
            remove_hook(store, lock, hook);
}

} // namespace dynmon
