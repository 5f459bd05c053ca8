// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "btf/layout.hpp"
#include "control/build.hpp"
#include "control/chain_lookup.hpp"
#include "control/load.hpp"
#include "control/load_hooks.hpp"
#include "control/recover_monitor.hpp"
#include "control/window_writer.hpp"
#include "hook/device_rules.hpp"
#include "kernel/map_calls.hpp"
#include "policy/checked_probe.hpp"
#include "source/map_reader.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

// A monitor whose generation `old` is to be followed by another.
struct Successor {
    const Store& store;
    const DirectoryLock& lock;
    const Probe& probe;
    const ReplaceRequest& request;
    GenerationDir old_dir;
    GenerationRecord old;
    std::set<std::string> swapped; // maps of the new one
};

Layout layout_or_untyped(const btf* types, std::uint32_t id, std::uint32_t size,
                         std::string_view root) {
    return id == 0 ? untyped_layout(size) : build_layout(types, id, size, root);
}

// Why the running map cannot go on as `map`; "" when it can.
std::string map_difference(const Successor& to, const btf* old_types, const MapRecord& running,
                           const MapInfo& map) {
    const MapFacts facts = to.old_dir.open_map(running, Side::a).facts;
    if (running.swapped != to.swapped.contains(map.name))
        return "one of them is swapped on read and the other is not";
    if (facts.type != map.type)
        return "the map type differs";
    const std::uint32_t entries = entries_of_kernel(map.type, map.flags, map.max_entries);
    if (facts.max_entries != entries)
        return "max_entries is " + std::to_string(facts.max_entries) + " and would be " +
               std::to_string(entries);
    if (const std::uint32_t added = flags_of_kernel(map.type);
        (facts.flags | added) != (map.flags | added))
        return "the flags differ: " + flag_names((facts.flags ^ map.flags) & ~added);
    const btf* types = to.probe.object.types();
    if (!is_queue_like(map.type)) {
        const std::string key = layout_difference(
            layout_or_untyped(old_types, running.key_type_id, facts.key_size, "key"),
            layout_or_untyped(types, map.key_type_id, map.key_size, "key"), "key");
        if (!key.empty())
            return key;
    }
    return layout_difference(
        layout_or_untyped(old_types, running.value_type_id, facts.value_size, "value"),
        layout_or_untyped(types, map.value_type_id, map.value_size, "value"), "value");
}

// What dynmon.h declares belongs to dynmon, not to the probe: the clock and whether its programs
// are metered go on with every replace; what they cost starts at zero, held against the limit
// again.
bool goes_on(const std::string& name) {
    return name == clock_map_name || name == meter_switch_name;
}

bool is_house_map(const std::string& name) {
    return goes_on(name) || name == meter_map_name || name == limit_map_name;
}

bool may_carry(const Successor& to, const MapRecord& running) {
    if (is_house_map(running.name))
        return goes_on(running.name);
    return to.request.keep_maps != ReplaceRequest::Keep::none;
}

std::map<MapSide, Fd> carry_maps(const Successor& to) {
    std::map<MapSide, Fd> carried;
    const BtfPtr old_types = to.old_dir.read_btf(to.old);
    const std::vector<MapShape> shapes = resolve_maps(
        to.probe.manifest, to.probe.object,
        resolve_parameters(to.probe.manifest, to.probe.object, to.request.assignments));
    for (const MapInfo& declared : to.probe.object.maps()) {
        const MapInfo map = shaped(declared, shapes);
        const MapRecord* running = to.old.map(map.name);
        if (running == nullptr || !may_carry(to, *running))
            continue;
        const std::string difference = map_difference(to, old_types.get(), *running, map);
        if (!difference.empty() && to.request.keep_maps == ReplaceRequest::Keep::all)
            throw Error(ErrorKind::rejected, "map '" + map.name + "' cannot be kept: " + difference)
                .hint("--keep-matching-maps keeps the others and starts this one empty; without "
                      "either, all maps start empty");
        if (!difference.empty())
            continue;
        carried.emplace(MapSide{map.name, Side::a}, to.old_dir.open_map(*running, Side::a).fd);
        if (running->swapped)
            carried.emplace(MapSide{map.name, Side::b}, to.old_dir.open_map(*running, Side::b).fd);
    }
    return carried;
}

const ProgramRecord* running_program(const GenerationRecord& record, Direction direction) {
    for (const ProgramRecord& program : record.programs)
        if (program.direction == direction)
            return &program;
    return nullptr;
}

HookId hook_for(const Successor& to, Direction direction, bool& is_new, Undo& undo) {
    if (const ProgramRecord* running = running_program(to.old, direction)) {
        is_new = false;
        return running->hook;
    }
    // A direction that the old probe did not have: on the same device.
    is_new = true;
    HookId id = to.old.programs.front().hook;
    id.point = direction == Direction::egress ? HookPoint::tc_egress : HookPoint::tc_ingress;
    const HookId& at = to.old.programs.front().hook;
    const HookRecord neighbour = read_hook_record(to.store, at);
    const std::optional<NetNs> netns = netns_of(to.store, at);
    if (!netns)
        throw Error(ErrorKind::failed, "the network namespace of the monitor cannot be reached");
    HookRequest request{.id = id,
                        .device = hook_device(to.store, at),
                        .mode = neighbour.mode,
                        .order = neighbour.order};
    if (ensure_hook(to.store, to.lock, *netns, request))
        undo.add([&to, id] { remove_idle_hooks(to.store, to.lock, {id}); });
    return id;
}

// One whose device was moved to another namespace runs on there.
void require_live_hook(const Successor& to, const HookId& hook) {
    const bool known = exists(to.store.hook_dir(hook));
    const HookState state = known ? hook_state(to.store, hook) : HookState{HookHealth::defunct, ""};
    if (state.health == HookHealth::attached || state.health == HookHealth::moved)
        return;
    if (state.health == HookHealth::taken)
        throw Error(ErrorKind::busy, state.problem)
            .hint("remove that program first; dynmon does not overwrite it");
    throw Error(ErrorKind::failed,
                "the hook of monitor '" + to.request.name + "' is not attached any more")
        .hint(state.health == HookHealth::defunct
                  ? "its interface is gone: `apply` puts the monitor on another one"
                  : "another process has detached it: `apply` attaches it again");
}

ProgramPlan plan_program(const Successor& to, Direction direction, Undo& undo) {
    bool is_new = false;
    const HookId hook = hook_for(to, direction, is_new, undo);
    require_live_hook(to, hook);
    const HookKind kind = hook.point == HookPoint::xdp ? HookKind::xdp : HookKind::tc;
    const ProgramInfo& program =
        select_program(to.probe.manifest, to.probe.object, direction, kind);
    const HookRecord record = read_hook_record(to.store, hook);
    require_frags_fit(record, {.id = hook, .reads_frags = program.reads_frags});
    const Chain chain = open_chain_of(to.store, hook);
    if (!program.hand_over && !is_new &&
        chain.members()[chain.order().back().member].monitor != to.request.name)
        throw Error(ErrorKind::usage, "the new program does not hand over, but others come after "
                                      "it in the chain")
            .hint("write it with the entry macros of dynmon.h");
    return {.direction = direction,
            .program = &program,
            .hook = hook,
            .chain = open_chain(to.store, hook),
            .slots = chain.free_slots(side_count(to.probe.manifest)),
            .raw_ip = record.raw_ip,
            .frags = record.frags,
            .mtu = kind == HookKind::xdp ? device_mtu(to.store, hook) : 0};
}

std::vector<ProgramPlan> plan_programs(const Successor& to, Undo& undo) {
    std::vector<ProgramPlan> plans;
    for (const PathConfig& path : to.probe.manifest.paths)
        plans.push_back(plan_program(to, path.direction, undo));
    return plans;
}

std::vector<ProgramPlan> plan_elsewhere(const Successor& to, const LoadRequest& place, Undo& undo) {
    const HookKind kind = place.hook.value_or(to.probe.manifest.hook);
    const NetNs netns = netns_for(place);
    LoadHooks hooks(to.store, to.lock, netns, undo);
    std::vector<ProgramPlan> plans;
    for (const PathConfig& path : to.probe.manifest.paths)
        plans.push_back(hooks.prepare(to.probe, place, path.direction, kind));
    return plans;
}

void require_room_for_unread(const Store& store, const std::string& name) {
    const std::size_t unread = retired_generations(store, name).size();
    if (unread >= limits::unread_generations)
        throw Error(ErrorKind::busy, std::to_string(unread) + " replaced generations of '" + name +
                                         "' still hold unread windows")
            .hint("`dynmon-load read " + name + "` takes them, then replace again");
}

void publish_generation(const Successor& to, const LoadedGeneration& generation) {
    const std::string dir = to.store.monitor_dir(to.request.name);
    const std::string stage = to.store.staging_dir(dir);
    Undo undo;
    undo.add([&] { remove_tree(stage); });
    pin_generation(generation, GenerationDir(stage));
    publish(stage, generation_dir(dir, generation.record.number).path());
    undo.commit();
}

} // namespace

ReplaceReport replace_monitor(const Settings& settings, const Probe& probe,
                              const ReplaceRequest& request) {
    require_allowed(settings.allowed(), candidate_of(probe));
    const MachinePolicies policies = settings.policies();
    require_machine_policy(policies, probe, request.assignments);
    const Store store = settings.open_store(false);
    const DirectoryLock reading = store.lock_monitor(request.name, DirectoryLock::Mode::exclusive);
    const DirectoryLock lock = store.lock_for(request.name, DirectoryLock::Mode::exclusive);
    std::vector<std::string> actions;
    if (!recover_monitor(store, lock, request.name, actions))
        throw Error(ErrorKind::failed, "no monitor '" + request.name + "'");
    require_room_for_unread(store, request.name);

    const GenerationDir old_dir = current_generation(store, request.name);
    const Successor to{
        store, lock, probe, request, old_dir, old_dir.read_record(), probe.manifest.swapped_maps()};
    Undo undo;
    GenerationPlan plan{
        .probe = &probe,
        .monitor = request.name,
        .number = to.old.number + 1,
        .assignments = request.assignments,
        .clock = request.clock.value_or(to.old.clock),
        .most_instructions = instruction_limit(policies),
        .limit_ns = request.limit_ns.value_or(to.old.limit_ns()),
        .initial_side = StateMap(store.monitor_dir(request.name) + "/state").read().active_side(),
        .kernel_btf = request.kernel_btf};
    plan.carried = carry_maps(to);
    if (side_count(probe.manifest) == 1)
        plan.initial_side = Side::a;
    plan.programs = request.place != nullptr ? plan_elsewhere(to, *request.place, undo)
                                             : plan_programs(to, undo);
    const LoadedGeneration generation = load_generation(plan);

    // Publishing is the point of no return: the next verb rolls this forward if it is killed, by
    // the same steps as here.
    publish_generation(to, generation);
    undo.commit();
    ReplaceReport report{.record = generation.record};
    recover_monitor(store, lock, request.name, actions);
    const GenerationDir current = current_generation(store, request.name);
    make_totals(store.monitor_dir(request.name), metric_sources(current, report.record));
    report.unread = !retired_generations(store, request.name).empty();
    for (const auto& [key, map] : plan.carried)
        if (key.second == Side::a && !is_house_map(key.first))
            report.carried.push_back(key.first);
    return report;
}

} // namespace dynmon
