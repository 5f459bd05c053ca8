// SPDX-License-Identifier: BSD-2-Clause
#include "control/look.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "control/chain_lookup.hpp"
#include "control/meter.hpp"
#include "control/window.hpp"
#include "control/window_log.hpp"
#include "control/window_writer.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

void add_program_facts(const std::string& path, StoreSnapshot& found) {
    try {
        if (const Fd program = try_open_own(path, "bpf-prog")) {
            const ProgramFacts facts = program_facts(program);
            found.pins[path] = ProgramPin{facts.id, facts.name, facts.map_ids};
        }
    } catch (const Damaged&) {
        // something else
    }
}

// A monitor whose records cannot be used: the kernel says what its programs are.
// Another version may have its own names for their pins.
void add_opaque_monitor(const std::string& dir, StoreSnapshot& found) {
    if (!is_directory(dir))
        return;
    for (const std::string& name : list_directory(dir)) {
        const std::string path = dir + "/" + name;
        if (!is_directory(path)) {
            found.pins.try_emplace(path, ObjectPin{});
            add_program_facts(path, found);
            continue;
        }
        found.pins.try_emplace(path, FolderPin{});
        for (const std::string& entry : list_directory(path)) {
            found.pins.try_emplace(path + "/" + entry, ObjectPin{});
            add_program_facts(path + "/" + entry, found);
        }
    }
}

void add_generation(const GenerationDir& dir, StoreSnapshot& found) {
    found.pins[dir.path()] = FolderPin{};
    for (const std::string& name : list_directory(dir.path())) {
        const std::string path = dir.path() + "/" + name;
        if (name.starts_with("prog-"))
            found.pins[path] = ProgramPin{};
        else if (name == "dynmon-record")
            found.pins[path] = RecordPin{dir.read_programs()};
        else
            found.pins[path] = ObjectPin{};
    }
}

void add_monitor(const Store& store, const std::string& name, StoreSnapshot& found) {
    const std::string dir = store.monitor_dir(name);
    found.pins[dir] = FolderPin{};
    try {
        for (const std::string& entry : list_directory(dir))
            found.pins[dir + "/" + entry] = ObjectPin{};
        for (const std::uint32_t number : generation_numbers(dir))
            add_generation(generation_dir(dir, number), found);
    } catch (const Error& error) {
        if (!is_about_record(error))
            throw;
        log::debug("monitor '" + name + "': " + error.what());
        found.faults.insert_or_assign(dir, Fault(error));
        add_opaque_monitor(dir, found);
    }
}

void add_contents(const std::string& monitor_dir, std::uint32_t number, StoreSnapshot& found) {
    const GenerationDir generation = generation_dir(monitor_dir, number);
    if (!generation.has_record())
        return;
    const GenerationRecord record = generation.read_record();
    for (const MapContent& map : map_contents(generation, record))
        found.pins[map.path] = MapPin{map.id, map.unread};
    std::get<RecordPin>(found.pins.at(generation.path() + "/dynmon-record")).logged =
        log_has_generation(monitor_dir, number);
}

void add_state(const std::string& dir, StoreSnapshot& found) {
    const std::string path = dir + "/state";
    try {
        if (found.has(path) && !std::holds_alternative<StatePin>(found.pins.at(path)))
            found.pins[path] = StatePin{.state = StateMap(path).read()};
    } catch (const Error& error) {
        found.faults.insert_or_assign(path, Fault(error));
    }
}

void add_upkeep(const Store& store, const std::string& name, const Scope& scope,
                StoreSnapshot& found) {
    const GenerationDir current = current_generation(store, name);
    const GenerationRecord record = current.read_record();
    auto& state = std::get<StatePin>(found.pins.at(store.monitor_dir(name) + "/state"));
    state.metered = has_forgotten_metering(store, current, record);
    if (scope.totals)
        state.totals = has_totals(store.monitor_dir(name), metric_sources(current, record));
}

void add_details(const Store& store, const std::string& name, const Scope& scope,
                 StoreSnapshot& found) {
    const std::string dir = store.monitor_dir(name);
    add_state(dir, found);
    const std::vector<std::uint32_t> numbers = found.generations(name);
    const bool running = !found.faults.contains(dir + "/state") && !numbers.empty() &&
                         found.state(name) && found.state(name)->phase == Phase::running;
    for (const std::uint32_t number : numbers) {
        const std::string path = found.generation(name, number).path();
        try {
            if (numbers.size() > 1 || scope.contents)
                add_contents(dir, number, found);
            if (scope.upkeep && running && number == numbers.back())
                add_upkeep(store, name, scope, found);
        } catch (const Error& error) {
            found.faults.insert_or_assign(path, Fault(error));
        }
    }
}

void add_soundness(const Store& store, const std::string& name, StoreSnapshot& found) {
    try {
        require_whole(store, name);
    } catch (const Error& error) {
        found.unsound.insert_or_assign(name, Fault(error));
        if (dynamic_cast<const Damaged*>(&error) != nullptr)
            add_opaque_monitor(store.monitor_dir(name), found);
    }
}

std::set<std::uint32_t> slots_at(const HookId& hook, const StoreSnapshot& found,
                                 LookAtSlots which) {
    std::set<std::uint32_t> slots{head_slot};
    for (std::uint32_t slot = 0; which == LookAtSlots::all && slot < limits::chain_slots; ++slot)
        slots.insert(slot);
    for (const ChainMember& member : found.members_at(hook))
        slots.insert(member.program.slots.begin(), member.program.slots.end());
    return slots;
}

Slots read_slots(const Fd& chain, const std::set<std::uint32_t>& wanted) {
    Slots slots;
    for (const std::uint32_t slot : wanted) {
        std::uint32_t id = 0;
        if (lookup_element(chain, &slot, &id))
            slots[slot] = id;
    }
    return slots;
}

void add_staging(const std::string& folder, StoreSnapshot& found) {
    for (const std::string& name : list_directory(folder))
        if (name.starts_with(staging_prefix))
            found.pins[folder + "/" + name] = FolderPin{};
}

void add_health(const Store& store, const HookId& hook, StoreSnapshot& found) {
    try {
        found.health[hook] = hook_state(store, hook);
    } catch (const Error& error) {
        found.faults.emplace(store.hook_dir(hook), Fault(error));
    }
}

} // namespace

StoreSnapshot look_at_monitors(const Store& store) {
    StoreSnapshot found(store);
    if (exists(store.root()))
        found.pins[store.root()] = FolderPin{};
    for (const std::string& name : store.monitors())
        add_monitor(store, name, found);
    return found;
}

void look_at_hook(const Store& store, const HookId& hook, StoreSnapshot& found, LookAtSlots which) {
    const std::string dir = store.hook_dir(hook);
    if (!exists(dir))
        return;
    found.pins[dir] = FolderPin{};
    try {
        if (!is_whole(store, hook))
            found.broken_hooks.insert(hook);
        require_directory(dir);
    } catch (const Error& error) {
        found.faults.insert_or_assign(dir, Fault(error));
        return;
    }
    for (const std::string& name : list_directory(dir))
        found.pins[dir + "/" + name] = ObjectPin{};
    if (const auto pivot = whole_pivot(store, hook))
        found.pins[dir + "/pivot"] = ProgramPin{pivot->id, pivot->name, pivot->map_ids};
    if (const auto order = ChainOrder(dir).read())
        found.pins[found.order_path(hook)] = OrderPin{*order};
    if (!found.has(found.chain_path(hook)))
        return;
    try {
        const Fd chain = open_chain(store, hook);
        found.pins[found.chain_path(hook)] =
            ChainPin{map_facts(chain).id, read_slots(chain, slots_at(hook, found, which))};
    } catch (const Error& error) {
        found.faults.insert_or_assign(found.chain_path(hook), Fault(error));
    }
}

StoreSnapshot look_at(const Store& store, const Scope& scope) {
    StoreSnapshot found = look_at_monitors(store);
    add_staging(store.monitors_dir(), found);
    add_staging(store.hooks_dir(), found);
    for (const std::string& name : found.monitors()) {
        if (scope.monitors && !scope.monitors->contains(name))
            continue;
        if (!found.faults.contains(store.monitor_dir(name)))
            add_details(store, name, scope, found);
        if (scope.soundness)
            add_soundness(store, name, found);
    }
    const bool all = !scope.hooks || std::any_of(found.unsound.begin(), found.unsound.end(),
                                                 [](const auto& it) { return it.second.damaged; });
    for (const HookId& hook : store.hooks()) {
        found.pins[store.hook_dir(hook)] = FolderPin{};
        if (all || scope.hooks->contains(hook))
            look_at_hook(store, hook, found);
        if (scope.health && (all || scope.hooks->contains(hook)))
            add_health(store, hook, found);
        if (!found.has(found.chain_path(hook)) && (all || scope.hooks->contains(hook)))
            for (const ChainMember& member : found.members_at(hook)) // to put them back
                add_state(store.monitor_dir(member.monitor), found);
    }
    return found;
}

Scope scope_of(const Store& store, const std::string& monitor) {
    Scope scope{.hooks = std::set<HookId>{}, .monitors = std::set<std::string>{monitor}};
    const std::string dir = store.monitor_dir(monitor);
    for (const std::uint32_t number : generation_numbers(dir)) {
        const GenerationDir generation = generation_dir(dir, number);
        if (!generation.has_record())
            continue;
        for (const ProgramRecord& program : generation.read_programs())
            scope.hooks->insert(program.hook);
    }
    return scope;
}

namespace {

// Without one of these a running monitor can be neither read nor followed.
void require_pins(const GenerationDir& running) {
    const auto require = [](const std::string& path) {
        if (!exists(path))
            throw Damaged(path + " is not there any more");
    };
    require(running.path() + "/dynmon-record");
    for (const ProgramRecord& program : running.read_programs())
        for (std::size_t side = 0; side < program.slots.size(); ++side)
            require(running.program_path(program.direction, static_cast<Side>(side)));
}

} // namespace

void require_whole(const Store& store, const std::string& name) {
    const std::string dir = store.monitor_dir(name);
    require_directory(dir);
    for (const std::uint32_t number : generation_numbers(dir)) {
        const GenerationDir generation = generation_dir(dir, number);
        if (!generation.has_record())
            continue;
        const GenerationRecord record = generation.read_record();
        if (!exists(generation.path() + "/dynmon-btf"))
            throw Damaged(generation.path() + "/dynmon-btf is not there any more");
        generation.read_btf(record);
        generation.read_retirement();
        generation.require_own_programs(record.programs); // a foreign one would go with its pin
        for (const MapRecord& map : record.maps)
            for (const Side side : {Side::a, Side::b})
                generation.try_open_map(map, side);
    }
    if (!exists(dir + "/state") || StateMap(dir + "/state").read().phase != Phase::running)
        return; // a load or unload that was interrupted
    if (generation_numbers(dir).empty())
        throw Damaged(dir + " has lost its generation");
    require_pins(current_generation(store, name));
}

} // namespace dynmon
