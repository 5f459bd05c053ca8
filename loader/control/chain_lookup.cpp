// SPDX-License-Identifier: BSD-2-Clause
#include "control/chain_lookup.hpp"

#include "base/error.hpp"
#include "control/look.hpp"
#include "hook/hook.hpp"
#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

bool is_about_record(const Error& error) {
    return dynamic_cast<const Damaged*>(&error) != nullptr ||
           error.kind() == ErrorKind::unsupported;
}

ChainsOfStore::ChainsOfStore(const Store& store) : store_(store) {
    try {
        found_ = look_at_monitors(store);
    } catch (const Error& error) {
        fault_ = error; // of each chain that is asked for
    }
}

const Chain& ChainsOfStore::at(const HookId& hook) {
    if (const auto known = chains_.find(hook); known != chains_.end())
        return known->second;
    if (fault_)
        throw *fault_;
    look_at_hook(store_, hook, *found_, LookAtSlots::of_members);
    return chains_.emplace(hook, found_->chain_at(hook)).first->second;
}

Chain open_chain_of(const Store& store, const HookId& hook) {
    StoreSnapshot found = look_at_monitors(store);
    look_at_hook(store, hook, found, LookAtSlots::of_members);
    return found.chain_at(hook);
}

// The kernel counts ids upwards, and a hook is made before the first program that goes there.
bool is_made_for_hook(const Store& store, const ProgramRecord& program) {
    return program.ids.front() > pivot_id(store, program.hook);
}

bool is_made_for_device(const Store& store, const ProgramRecord& program) {
    const std::uint32_t first = read_hook_record(store, program.hook).first_pivot;
    return program.ids.front() > (first == 0 ? pivot_id(store, program.hook) : first);
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

} // namespace dynmon
