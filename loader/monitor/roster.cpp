#include "monitor/roster.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "hook/hook.hpp"
#include "kernel/own_pin.hpp"
#include "store/bpffs.hpp"

namespace dynmon {

namespace {

bool has_program(const GenerationDir& dir, const ProgramRecord& program) {
    for (std::size_t side = 0; side < program.slots.size(); ++side)
        if (exists(dir.program_path(program.direction, static_cast<Side>(side))))
            return true;
    return false;
}

void add_members(const Store& store, const HookId& hook, const std::string& monitor,
                 std::vector<ChainMember>& members) {
    for (const std::uint32_t number : generation_numbers(store.monitor_dir(monitor))) {
        const GenerationDir dir = generation_dir(store.monitor_dir(monitor), number);
        if (!dir.has_record())
            continue;
        for (const ProgramRecord& program : dir.read_programs())
            if (program.hook == hook && has_program(dir, program))
                members.push_back({monitor, number, dir, program});
    }
}

} // namespace

bool has_programs(const GenerationDir& dir, const GenerationRecord& record) {
    return std::any_of(record.programs.begin(), record.programs.end(),
                       [&](const ProgramRecord& program) { return has_program(dir, program); });
}

std::vector<ChainMember> members_at(const Store& store, const HookId& hook) {
    std::vector<ChainMember> members;
    for (const std::string& monitor : store.monitors()) {
        try {
            add_members(store, hook, monitor, members);
        } catch (const Damaged& error) {
            // The others go on. If its programs are in this chain, the chain itself says so.
            log::debug("monitor '" + monitor + "': " + error.what());
        }
    }
    return members;
}

Chain open_chain_of(const Store& store, const HookId& hook) {
    return Chain(open_chain(store, hook), members_at(store, hook));
}

std::vector<ChainMembership> memberships(const Store& store, const GenerationRecord& record) {
    std::vector<ChainMembership> found;
    for (const ProgramRecord& program : record.programs) {
        if (!exists(store.hook_dir(program.hook)))
            continue;
        Chain chain = open_chain_of(store, program.hook);
        const auto member = chain.find(record.monitor, record.number);
        if (member && chain.active_side(record.monitor, record.number))
            found.push_back({std::move(chain), *member});
    }
    return found;
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
        if (exists(store.hook_dir(hook)) && members_at(store, hook).empty())
            remove_hook(store, lock, hook);
}

} // namespace dynmon
