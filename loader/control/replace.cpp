// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "btf/layout.hpp"
#include "control/build.hpp"
#include "control/chain_lookup.hpp"
#include "control/load.hpp"
#include "control/load_port.hpp"
#include "control/recover.hpp"
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

HookId hook_for(const Successor& to, Direction direction) {
    if (const ProgramRecord* running = running_program(to.old, direction))
        return running->hook;
    // A direction that the old probe did not have: on the same device.
    HookId id = to.old.programs.front().hook;
    id.point = direction == Direction::egress ? HookPoint::tc_egress : HookPoint::tc_ingress;
    return id;
}

std::vector<HookRequest> new_hooks(const Successor& to) {
    std::vector<HookRequest> requests;
    const HookId& at = to.old.programs.front().hook;
    for (const PathConfig& path : to.probe.manifest.paths) {
        if (running_program(to.old, path.direction) != nullptr)
            continue;
        const HookRecord neighbour = read_hook_record(to.store, at);
        requests.push_back({.id = hook_for(to, path.direction),
                            .device = hook_device(to.store, at),
                            .mode = neighbour.mode,
                            .order = neighbour.order});
    }
    return requests;
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

ProgramPlan plan_program(const Successor& to, Session& session, Direction direction) {
    const bool is_new = running_program(to.old, direction) == nullptr;
    const HookId hook = hook_for(to, direction);
    const bool there = exists(to.store.hook_dir(hook)); // else it is a dry run
    if (there || !is_new)
        require_live_hook(to, hook);
    const HookKind kind = hook.point == HookPoint::xdp ? HookKind::xdp : HookKind::tc;
    const ProgramInfo& program =
        select_program(to.probe.manifest, to.probe.object, direction, kind);
    const HookRecord record = there ? read_hook_record(to.store, hook) : HookRecord{};
    require_frags_fit(record, {.id = hook, .reads_frags = program.reads_frags});
    const Chain chain = session.now().chain_at(hook);
    if (!program.hand_over && !is_new &&
        chain.members()[chain.order().back().member].monitor != to.request.name)
        throw Error(ErrorKind::usage, "the new program does not hand over, but others come after "
                                      "it in the chain")
            .hint("write it with the entry macros of dynmon.h");
    return {.direction = direction,
            .program = &program,
            .hook = hook,
            .chain = there ? open_chain(to.store, hook) : Fd(),
            .slots = chain.free_slots(side_count(to.probe.manifest)),
            .raw_ip = record.raw_ip,
            .frags = record.frags,
            .mtu = kind == HookKind::xdp ? device_mtu(to.store, hook) : 0};
}

std::vector<ProgramPlan> plan_programs(const Successor& to, Session& session) {
    std::vector<ProgramPlan> plans;
    for (const PathConfig& path : to.probe.manifest.paths)
        plans.push_back(plan_program(to, session, path.direction));
    return plans;
}

NetNs netns_of_monitor(const Successor& to) {
    if (std::optional<NetNs> found = netns_of(to.store, to.old.programs.front().hook))
        return std::move(*found);
    throw Error(ErrorKind::failed, "the network namespace of the monitor cannot be reached");
}

void require_room_for_unread(const Store& store, const std::string& name) {
    const std::size_t unread = retired_generations(store, name).size();
    if (unread >= limits::unread_generations)
        throw Error(ErrorKind::busy, std::to_string(unread) + " replaced generations of '" + name +
                                         "' still hold unread windows")
            .hint("`dynmon-load read " + name + "` takes them, then replace again");
}

// What was interrupted is finished first.
void require_settled(const Settings& settings, const Store& store, const DirectoryLock& lock,
                     const std::string& name) {
    Scope scope = scope_of(store, name);
    scope.upkeep = true;
    StorePort port(store, &lock, std::move(scope));
    StoreSession session(port, settings.dry_run);
    if (!recover_in(*session, name))
        throw Error(ErrorKind::failed, "no monitor '" + name + "'");
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
    require_settled(settings, store, lock, request.name);
    require_room_for_unread(store, request.name);

    const GenerationDir old_dir = current_generation(store, request.name);
    const Successor to{
        store, lock, probe, request, old_dir, old_dir.read_record(), probe.manifest.swapped_maps()};
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
    std::optional<LoadHooks> elsewhere;
    std::vector<HookRequest> hooks;
    const bool needs_netns = request.place != nullptr || !(hooks = new_hooks(to)).empty();
    const NetNs netns = request.place != nullptr ? netns_for(*request.place)
                        : needs_netns            ? netns_of_monitor(to)
                                                 : NetNs::current(); // nothing is made there
    if (request.place != nullptr)
        hooks = elsewhere.emplace(store, netns, probe, *request.place).requests();
    Scope scope = scope_of(store, request.name);
    for (const HookRequest& hook : hooks)
        scope.hooks->insert(hook.id);
    scope.health = true;
    LoadPort port(store, &lock, std::move(scope), netns);
    StoreSession session(port, settings.dry_run);
    const std::set<HookId> before =
        elsewhere ? elsewhere->attached(session->now()) : std::set<HookId>{};
    replace_in(*session, request.name, hooks, [&](Session& running) {
        plan.programs =
            elsewhere ? elsewhere->programs(running, before) : plan_programs(to, running);
        return load_new(running, port, plan);
    });
    ReplaceReport report{.record = port.loaded() != nullptr ? port.loaded()->record
                                                            : planned_record(plan)};
    report.unread = !retired_generations(store, request.name).empty();
    for (const auto& [key, map] : plan.carried)
        if (key.second == Side::a && !is_house_map(key.first))
            report.carried.push_back(key.first);
    return report;
}

} // namespace dynmon
