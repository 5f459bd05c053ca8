// SPDX-License-Identifier: BSD-2-Clause
#include "control/plan.hpp"

#include <algorithm>
#include <charconv>

#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

template <typename... Bodies>
struct Overloaded : Bodies... {
    using Bodies::operator()...;
};
template <typename... Bodies> // clang before 17 does not find it
Overloaded(Bodies...)->Overloaded<Bodies...>;

// "monitors/web/g1", "monitors/__stage/g1"
std::string short_path(const std::string& path, const StorePaths& paths) {
    std::string text =
        path.starts_with(paths.root() + "/") ? path.substr(paths.root().size() + 1) : path;
    if (const auto at = text.find(staging_prefix); at != std::string::npos) {
        const auto end = text.find('/', at);
        text.replace(at, (end == std::string::npos ? text.size() : end) - at, "__stage");
    }
    return text;
}

const char* to_string(Phase phase) {
    switch (phase) {
    case Phase::loading:
        return "loading";
    case Phase::running:
        return "running";
    case Phase::unloading:
        return "unloading";
    }
    return "unknown";
}

} // namespace

std::string describe(const Action& action, const StorePaths& paths) {
    const auto at = [&](const std::string& path) { return short_path(path, paths); };
    return std::visit(
        Overloaded{
            [&](const MakeFolder& make) { return "make folder " + at(make.path); },
            [&](const Rename& rename) {
                return "rename " + at(rename.from) + " to " + at(rename.to);
            },
            [&](const Unpin& unpin) { return "unpin " + at(unpin.path); },
            [&](const RemoveTree& remove) { return "remove " + at(remove.path); },
            [&](const WriteState& write) {
                return "write " + at(write.path) + ": " + to_string(write.state.phase);
            },
            [&](const WriteSlot& write) {
                const std::string slot =
                    "slot " + std::to_string(write.slot) + " of " + hook_dir_name(write.hook);
                return write.program ? "write " + slot + ": " + at(write.program->path)
                                     : "empty " + slot;
            },
            [&](const WriteOrder& write) { return "write order of " + hook_dir_name(write.hook); },
            [&](const Fence&) { return std::string("fence"); },
            [&](const CheckLink& check) {
                return "check that the link of " + hook_dir_name(check.hook) + " is ours";
            },
            [&](const CheckRights& check) {
                return "check the rights to detach " + hook_dir_name(check.hook);
            },
            [&](const Detach& detach) { return "detach " + hook_dir_name(detach.hook); },
            [&](const PinChain& pin) { return "pin the chain of " + hook_dir_name(pin.hook); },
            [&](const Retire& retire) {
                return "retire generation " + std::to_string(retire.generation) + " of " +
                       retire.monitor;
            },
            [&](const StopMetering& stop) { return "stop metering " + stop.monitor; },
            [&](const MakeTotals& make) { return "make totals of " + at(make.folder); },
            [&](const MakeHook& make) {
                return "make hook " + hook_dir_name(make.request.id) + " on " + make.request.device;
            },
            [&](const AttachAgain& attach) {
                return "attach " + hook_dir_name(attach.hook) + " again";
            },
            [&](const LoadPrograms& load) {
                return "load generation " + std::to_string(load.generation) + " of " + load.monitor;
            },
            [&](const PinPart& part) { return "pin " + at(part.path); },
            [&](const MakeState& make) {
                return "make " + at(make.path) + ": " + to_string(make.state.phase);
            },
            [&](const RemoveStore&) { return std::string("remove the empty store"); },
        },
        action);
}

bool is_check(const Action& action) {
    return std::holds_alternative<CheckLink>(action) || std::holds_alternative<CheckRights>(action);
}

namespace {

// Whether the window of `map`, of a replaced generation, is still to be read.
bool is_unread(const MapPin& map, const std::set<std::uint32_t>& live_on) {
    return map.unread && !live_on.contains(map.id);
}

std::set<std::uint32_t> maps_of(const StoreSnapshot& snapshot, const std::string& generation) {
    std::set<std::uint32_t> ids;
    for (const std::string& name : snapshot.names_in(generation))
        if (const auto* map = std::get_if<MapPin>(&snapshot.pins.at(generation + "/" + name)))
            ids.insert(map->id);
    return ids;
}

// Maps of a replaced generation that no reader has to get.
std::vector<std::string> read_maps(const StoreSnapshot& snapshot, const std::string& old,
                                   const std::string& current) {
    const std::set<std::uint32_t> live_on = maps_of(snapshot, current);
    std::vector<std::string> paths;
    for (const std::string& name : snapshot.names_in(old)) {
        const std::string path = old + "/" + name;
        const auto* map = std::get_if<MapPin>(&snapshot.pins.at(path));
        if (map != nullptr && !is_unread(*map, live_on))
            paths.push_back(path);
    }
    return paths;
}

void apply_retire(const Retire& retire, StoreSnapshot& snapshot) {
    const std::string monitor = snapshot.paths.monitor_dir(retire.monitor);
    const std::uint32_t current = snapshot.generations(retire.monitor).back();
    const std::string old = snapshot.generation(retire.monitor, retire.generation).path();
    auto& state = std::get<StatePin>(snapshot.pins.at(monitor + "/state")).state;
    if (state.generation != current)
        snapshot.pins[old + "/dynmon-retired"] = ObjectPin{};
    state.generation = current;
    for (const std::string& path :
         read_maps(snapshot, old, snapshot.generation(retire.monitor, current).path()))
        snapshot.remove(path);
}

// Null: there is none.
StatePin* state_in(StoreSnapshot& snapshot, const std::string& folder) {
    const auto found = snapshot.pins.find(folder + "/state");
    return found == snapshot.pins.end() ? nullptr : std::get_if<StatePin>(&found->second);
}

void simulate_hook(const HookId& hook, StoreSnapshot& snapshot) {
    const std::string dir = snapshot.paths.hook_dir(hook);
    snapshot.remove(dir);
    snapshot.broken_hooks.erase(hook);
    snapshot.pins[dir] = FolderPin{};
    snapshot.pins[dir + "/record"] = ObjectPin{};
    snapshot.pins[dir + "/pivot"] = ProgramPin{};
    snapshot.pins[dir + "/chain"] = ChainPin{};
    snapshot.pins[dir + "/link"] = ObjectPin{};
    snapshot.health[hook] = {};
}

void apply_slot(const WriteSlot& write, StoreSnapshot& snapshot) {
    auto& slots = std::get<ChainPin>(snapshot.pins.at(snapshot.chain_path(write.hook))).slots;
    if (write.program)
        slots[write.slot] = write.program->id;
    else
        slots.erase(write.slot);
}

} // namespace

void simulate(const Action& action, StoreSnapshot& snapshot) {
    std::visit(Overloaded{
                   [&](const MakeFolder& make) { snapshot.pins[make.path] = FolderPin{}; },
                   [&](const Rename& rename) { snapshot.rename(rename.from, rename.to); },
                   [&](const Unpin& unpin) { snapshot.remove(unpin.path); },
                   [&](const RemoveTree& remove) { snapshot.remove(remove.path); },
                   [&](const WriteState& write) {
                       auto& pin = snapshot.pins[write.path];
                       if (!std::holds_alternative<StatePin>(pin))
                           pin = StatePin{};
                       std::get<StatePin>(pin).state = write.state;
                   },
                   [&](const WriteSlot& write) { apply_slot(write, snapshot); },
                   [&](const WriteOrder& write) {
                       snapshot.pins[snapshot.order_path(write.hook)] = OrderPin{write.programs};
                   },
                   [&](const Fence&) {},
                   [&](const CheckLink&) {},
                   [&](const CheckRights&) {},
                   [&](const Detach& detach) {
                       snapshot.remove(snapshot.paths.hook_dir(detach.hook) + "/link");
                   },
                   [&](const PinChain& pin) {
                       const std::string path = snapshot.chain_path(pin.hook);
                       snapshot.remove(path);
                       snapshot.pins[path] = ChainPin{};
                   },
                   [&](const Retire& retire) { apply_retire(retire, snapshot); },
                   [&](const StopMetering& stop) {
                       if (auto* state =
                               state_in(snapshot, snapshot.paths.monitor_dir(stop.monitor)))
                           state->metered = false;
                   },
                   [&](const MakeTotals& make) {
                       if (auto* state = state_in(snapshot, make.folder))
                           state->totals = true;
                   },
                   [&](const MakeHook& make) { simulate_hook(make.request.id, snapshot); },
                   [&](const AttachAgain& attach) { snapshot.health[attach.hook] = {}; },
                   [&](const LoadPrograms&) {},
                   [&](const PinPart& part) { snapshot.pins[part.path] = part.pin; },
                   [&](const MakeState& make) {
                       snapshot.pins[make.path] = StatePin{.state = make.state};
                   },
                   [&](const RemoveStore&) { snapshot.remove(snapshot.paths.root()); },
               },
               action);
}

void Planner::add(Action action, std::vector<Action> undo) {
    simulate(action, snapshot_);
    const bool forward = plan_.committed_by < plan_.steps.size();
    plan_.steps.push_back({std::move(action), forward ? std::vector<Action>{} : std::move(undo)});
}

void Planner::change_chain(const HookId& hook, const ChainChange& change) {
    const std::string order = snapshot_.order_path(hook);
    if (change.moves && snapshot_.has(order)) {
        const OrderPin* before = snapshot_.get<OrderPin>(order);
        add(RemoveTree{order}, before != nullptr
                                   ? std::vector<Action>{WriteOrder{hook, before->programs}}
                                   : std::vector<Action>{});
    }
    for (const SlotWrite& write : change.writes) {
        std::vector<Action> undo{WriteSlot{hook, write.slot, write.before}};
        if (write.seen) // what is taken back before it may still be run
            undo.push_back(Fence{});
        add(WriteSlot{hook, write.slot, write.after}, std::move(undo));
    }
    if (change.moves && change.order)
        add(WriteOrder{hook, *change.order}, {RemoveTree{order}});
}

void Planner::keep_order(const HookId& hook, const std::vector<OrderedProgram>& order) {
    const std::string path = snapshot_.order_path(hook);
    const OrderPin* kept = snapshot_.get<OrderPin>(path);
    if (kept != nullptr && kept->programs == order)
        return;
    if (snapshot_.has(path))
        add(RemoveTree{path});
    add(WriteOrder{hook, order});
}

void Planner::discard(const std::string& folder) {
    if (!snapshot_.has(folder))
        return;
    const std::string stage =
        snapshot_.paths.staging_dir(folder.substr(0, folder.find_last_of('/')));
    add(Rename{folder, stage});
    add(RemoveTree{stage});
}

void Planner::remove_hook(const HookId& hook) {
    add(Detach{hook});
    discard(snapshot_.paths.hook_dir(hook));
}

void Planner::remove_if_idle(const std::set<HookId>& hooks) {
    for (const HookId& hook : hooks)
        if (snapshot_.has(snapshot_.paths.hook_dir(hook)) && snapshot_.is_idle(hook))
            remove_hook(hook);
}

void plan_remove_store(Planner& planner) {
    const StoreSnapshot& now = planner.now();
    if (now.has(now.paths.root()) && now.names_in(now.paths.monitors_dir()).empty() &&
        now.names_in(now.paths.hooks_dir()).empty())
        planner.add(RemoveStore{});
}

void plan_sweep(Planner& planner, const std::string& folder) {
    planner.go_forward();
    for (const std::string& path : planner.now().staging(folder)) {
        // The lock is ours, so the process that staged this is not at work on it, whatever its pid
        // does now.
        planner.add(RemoveTree{path});
        int pid = 0;
        const auto number = path.find(staging_prefix) + staging_prefix.size();
        std::from_chars(path.data() + number, path.data() + path.size(), pid);
        planner.say("removed what process " + std::to_string(pid) + " had staged");
    }
}

namespace {

// Members of one monitor, as its records have them.
struct Generation {
    std::uint32_t number = 0;
    GenerationDir dir;
    std::vector<ProgramRecord> programs;
};

std::vector<Generation> generations_of(const StoreSnapshot& snapshot, const std::string& monitor) {
    std::vector<Generation> found;
    for (const std::uint32_t number : snapshot.generations(monitor))
        if (const RecordPin* record = snapshot.record(monitor, number))
            found.push_back({number, snapshot.generation(monitor, number), record->programs});
    return found;
}

// A hook whose device is gone runs nothing; its chain can be left as it is.
bool is_live(const StoreSnapshot& snapshot, const HookId& hook) {
    return snapshot.has(snapshot.paths.hook_dir(hook));
}

bool has_only(const std::vector<ChainMember>& members, const std::string& monitor) {
    return std::all_of(members.begin(), members.end(),
                       [&](const ChainMember& member) { return member.monitor == monitor; });
}

// Nothing can be taken out of a chain that another process unpinned, nor need it be where the hook
// goes along.
bool goes_with_its_chain(const StoreSnapshot& snapshot, const HookId& hook,
                         const std::string& monitor) {
    return !snapshot.has(snapshot.chain_path(hook)) &&
           has_only(snapshot.members_at(hook), monitor) && snapshot.opaque_at(hook).empty();
}

enum class Leave { chain, slots }; // packets pass it by; its own slots are free again

void leave_chains(Planner& planner, const std::string& monitor, const Generation& generation,
                  Leave leave) {
    for (const ProgramRecord& program : generation.programs) {
        const HookId& hook = program.hook;
        if (!is_live(planner.now(), hook) || goes_with_its_chain(planner.now(), hook, monitor))
            continue;
        const Chain chain = planner.now().chain_at(hook);
        if (const auto member = chain.find(monitor, generation.number))
            planner.change_chain(hook, leave == Leave::slots ? chain.clear_slots(*member)
                                                             : chain.remove(*member));
    }
}

void unpin_programs(Planner& planner, const Generation& generation) {
    for (const ProgramRecord& program : generation.programs)
        for (std::size_t side = 0; side < program.slots.size(); ++side) {
            const std::string path =
                generation.dir.program_path(program.direction, static_cast<Side>(side));
            if (planner.now().has(path))
                planner.add(Unpin{path});
        }
}

std::set<HookId> hooks_of(const std::vector<ProgramRecord>& programs) {
    std::set<HookId> hooks;
    for (const ProgramRecord& program : programs)
        hooks.insert(program.hook);
    return hooks;
}

// What another process has changed, and a hook that must not be removed by us, are refused while
// nothing has been changed yet.
void require_removable(Planner& planner, const std::string& monitor,
                       const std::vector<Generation>& generations, const std::set<HookId>& hooks) {
    for (const HookId& hook : hooks) {
        if (!is_live(planner.now(), hook))
            continue;
        planner.add(CheckLink{hook});
        if (goes_with_its_chain(planner.now(), hook, monitor)) {
            planner.add(CheckRights{hook});
            continue;
        }
        const Chain chain = planner.now().chain_at(hook);
        for (const Generation& generation : generations)
            chain.active_side(monitor, generation.number); // throws if its place is not known
        if (has_only(chain.members(), monitor))
            planner.add(CheckRights{hook});
    }
}

} // namespace

void plan_remove(Planner& planner, const std::string& monitor) {
    const std::vector<Generation> generations = generations_of(planner.now(), monitor);
    std::set<HookId> hooks;
    for (const Generation& generation : generations)
        hooks.merge(hooks_of(generation.programs));
    require_removable(planner, monitor, generations, hooks);
    planner.go_forward();
    const std::string dir = planner.now().paths.monitor_dir(monitor);
    if (auto state = planner.now().state(monitor)) {
        state->phase = Phase::unloading;
        planner.add(WriteState{dir + "/state", *state});
    }
    for (const Generation& generation : generations)
        leave_chains(planner, monitor, generation, Leave::chain);
    planner.add(Fence{});
    for (const Generation& generation : generations) {
        leave_chains(planner, monitor, generation, Leave::slots);
        unpin_programs(planner, generation);
    }
    // The records go last: they say which hooks an unload that is killed here still has to look at.
    planner.remove_if_idle(hooks);
    planner.discard(dir);
}

namespace {

using Ids = std::set<std::uint32_t>;

// Those that are pinned, and those that the records name, if they can be read: pins may be missing.
Ids programs_of(const StoreSnapshot& snapshot, const std::string& monitor) {
    Ids ids;
    const std::string dir = snapshot.paths.monitor_dir(monitor);
    for (const auto& [path, pin] : snapshot.pins) {
        if (!path.starts_with(dir + "/g"))
            continue;
        if (const auto* program = std::get_if<ProgramPin>(&pin); program && program->id != 0)
            ids.insert(program->id);
        if (const auto* record = std::get_if<RecordPin>(&pin))
            for (const ProgramRecord& program : record->programs)
                ids.insert(program.ids.begin(), program.ids.end());
    }
    return ids;
}

// One chain with the slots that whole members own. Those of `removed` belong to no other member.
struct RawChain {
    HookId hook;
    Slots slots;
    std::vector<ChainMember> members;
    Ids owned{head_slot};

    PinnedProgram program(std::uint32_t id) const {
        for (const ChainMember& member : members)
            if (const auto side = member.program.side_of(id))
                return pinned_program(member, *side);
        throw Error(ErrorKind::busy,
                    "the chain holds " + describe_program(id) + ", which dynmon did not put there")
            .hint("remove it from the chain first; dynmon does not overwrite it");
    }
};

RawChain raw_chain(const StoreSnapshot& snapshot, const HookId& hook, const Slots& slots,
                   const std::string& removed) {
    for (const OpaqueMember& opaque : snapshot.opaque_at(hook))
        if (opaque.monitor != removed && opaque.reason.kind() == ErrorKind::unsupported)
            throw opaque.reason; // slots that seem to have no owner are emptied below
    RawChain chain{.hook = hook, .slots = slots, .members = snapshot.members_at(hook)};
    std::erase_if(chain.members,
                  [&](const ChainMember& member) { return member.monitor == removed; });
    for (const ChainMember& member : chain.members)
        chain.owned.insert(member.program.slots.begin(), member.program.slots.end());
    return chain;
}

// The program before one of `ids` now hands over to what came after it.
void take_out(Planner& planner, const RawChain& chain, const Ids& ids) {
    Ids successors;
    for (const auto& [slot, id] : chain.slots)
        if (!chain.owned.contains(slot) && !ids.contains(id))
            successors.insert(id);
    if (successors.size() > 1)
        throw Error(ErrorKind::failed, "what comes next in the chain of " +
                                           hook_dir_name(chain.hook) + " is not known any more")
            .hint("unload the other monitors there, then `dynmon-load recover`");
    std::optional<PinnedProgram> next;
    if (!successors.empty())
        next = chain.program(*successors.begin());
    if (const std::string order = planner.now().order_path(chain.hook); planner.now().has(order))
        planner.add(RemoveTree{order});
    for (const auto& [slot, id] : chain.slots)
        if (chain.owned.contains(slot) && ids.contains(id))
            planner.add(WriteSlot{chain.hook, slot, next});
    planner.add(Fence{});
    for (const auto& [slot, id] : chain.slots)
        if (!chain.owned.contains(slot))
            planner.add(WriteSlot{chain.hook, slot, std::nullopt});
}

} // namespace

void plan_force_remove(Planner& planner, const std::string& monitor) {
    const Ids ids = programs_of(planner.now(), monitor);
    planner.go_forward();
    for (const HookId& hook : planner.now().hooks()) {
        const StoreSnapshot& now = planner.now();
        if (now.faults.contains(now.paths.hook_dir(hook)) || now.is_damaged(now.chain_path(hook)))
            continue; // a hook without a chain runs nothing
        const ChainPin* pin = now.get<ChainPin>(now.chain_path(hook));
        if (pin == nullptr)
            throw chain_is_gone();
        const Slots slots = pin->slots;
        if (std::any_of(slots.begin(), slots.end(),
                        [&](const auto& slot) { return ids.contains(slot.second); }))
            take_out(planner, raw_chain(now, hook, slots, monitor), ids);
    }
    planner.add(Fence{});
    planner.discard(planner.now().paths.monitor_dir(monitor));
    const std::vector<HookId> hooks = planner.now().hooks();
    planner.remove_if_idle({hooks.begin(), hooks.end()});
}

namespace {

// The kernel counts ids upwards, and a hook is made before the first program that goes there.
bool is_made_for(const StoreSnapshot& snapshot, const ProgramRecord& program) {
    const auto* pivot = snapshot.get<ProgramPin>(snapshot.paths.hook_dir(program.hook) + "/pivot");
    return pivot != nullptr && program.ids.front() > pivot->id;
}

std::size_t member_of(const Chain& chain, const std::string& monitor, const Generation& current) {
    if (const auto member = chain.find(monitor, current.number))
        return *member;
    throw Error(ErrorKind::failed, "the programs of " + current.dir.path() + " are not pinned");
}

// A replace that was killed after publishing: put the new programs where the old ones stand.
bool finish_replace(Planner& planner, const std::string& monitor, const Generation& current,
                    Side active) {
    bool changed = false;
    for (const ProgramRecord& program : current.programs) {
        const Side initial = program.slots.size() > 1 ? active : Side::a;
        if (!is_live(planner.now(), program.hook))
            continue;
        const Chain chain = planner.now().chain_at(program.hook);
        const std::size_t member = member_of(chain, monitor, current);
        if (chain.active_side(monitor, current.number) || !is_made_for(planner.now(), program))
            continue;
        changed = true;
        const auto old =
            std::find_if(chain.order().begin(), chain.order().end(), [&](const ChainPlace& place) {
                return chain.members()[place.member].monitor == monitor;
            });
        planner.change_chain(program.hook, old != chain.order().end()
                                               ? chain.replace(old->member, member, initial)
                                               : chain.insert(member, initial, {}));
    }
    return changed;
}

// A swap that was killed between its slot writes: the state says which side it was for.
bool finish_swap(Planner& planner, const std::string& monitor, const Generation& current,
                 Side active) {
    bool changed = false;
    for (const ProgramRecord& program : current.programs) {
        const HookId& hook = program.hook;
        if (!is_live(planner.now(), hook))
            continue;
        const ChainChange repair = planner.now().chain_at(hook).repair();
        planner.change_chain(hook, repair);
        if (repair.order)
            planner.keep_order(hook, *repair.order);
        const Chain chain = planner.now().chain_at(hook);
        const auto side = chain.active_side(monitor, current.number);
        if (program.slots.size() > 1 && side && *side != active) {
            planner.change_chain(hook, chain.swap(member_of(chain, monitor, current), active));
            changed = true;
        }
    }
    return changed;
}

// Takes what is left of a generation before the current one out of use: its programs are unpinned,
// and its maps kept only when they hold something that was not read yet. True: something is kept.
bool retire_generation(Planner& planner, const std::string& monitor, const Generation& old,
                       const Generation& current) {
    planner.now().throw_fault(old.dir.path());
    planner.now().throw_fault(current.dir.path());
    const bool moved_on = planner.now().state(monitor).value().generation == current.number;
    if (planner.now().has_programs(monitor, old.number) &&
        (!moved_on || !read_maps(planner.now(), old.dir.path(), current.dir.path()).empty())) {
        leave_chains(planner, monitor, old, Leave::chain); // a direction that the new one has not
        planner.add(Fence{});
        leave_chains(planner, monitor, old, Leave::slots);
        planner.add(Retire{monitor, old.number});
        planner.look_again(); // packets have been counted until the fence
        return false;
    }
    unpin_programs(planner, old);
    planner.remove_if_idle(hooks_of(old.programs));
    const RecordPin* record = planner.now().record(monitor, old.number);
    const bool unread = !maps_of(planner.now(), old.dir.path()).empty() || record->logged;
    if (!unread)
        planner.discard(old.dir.path());
    return unread;
}

} // namespace

bool plan_recover(Planner& planner, const std::string& monitor) {
    const std::string dir = planner.now().paths.monitor_dir(monitor);
    plan_sweep(planner, dir);
    const std::vector<std::uint32_t> numbers = planner.now().generations(monitor);
    const std::optional<MonitorState> state = planner.now().state(monitor);
    if (numbers.empty() || !state || state->phase != Phase::running) {
        plan_remove(planner, monitor);
        planner.say("removed monitor '" + monitor + "', whose load or unload was interrupted");
        return false;
    }
    const std::vector<Generation> generations = generations_of(planner.now(), monitor);
    if (generations.size() != numbers.size())
        throw Error(ErrorKind::failed, "a generation of " + dir + " has lost its record");
    const Generation& current = generations.back();
    planner.go_forward();
    if (finish_replace(planner, monitor, current, state->active_side()))
        planner.say("finished the interrupted replace of monitor '" + monitor + "'");
    if (finish_swap(planner, monitor, current, state->active_side()))
        planner.say("finished the interrupted swap of monitor '" + monitor + "'");
    bool kept = false;
    for (std::size_t i = 0; i + 1 < generations.size() && !planner.plan().look_again; ++i)
        kept = retire_generation(planner, monitor, generations[i], current) || kept;
    if (planner.plan().look_again)
        return true;
    if (kept)
        planner.say("kept unread windows of monitor '" + monitor + "'");
    planner.now().throw_fault(current.dir.path());
    const StatePin* pin = planner.now().get<StatePin>(dir + "/state");
    if (pin->metered) {
        planner.add(StopMetering{monitor});
        planner.say("stopped the forgotten metering of monitor '" + monitor + "'");
    }
    if (!pin->totals)
        planner.add(MakeTotals{dir});
    return true;
}

void plan_restore_order(Planner& planner, const HookId& hook) {
    for (const ChainMember& member : planner.now().members_at(hook)) {
        const auto state = planner.now().state(member.monitor);
        if (!state || state->phase != Phase::running ||
            planner.now().generations(member.monitor).back() != member.generation)
            continue;
        const Generation here{member.generation, member.dir, {member.program}};
        finish_replace(planner, member.monitor, here, state->active_side());
        finish_swap(planner, member.monitor, here, state->active_side());
    }
}

void plan_repair_hook(Planner& planner, const HookId& hook) {
    const StoreSnapshot& now = planner.now();
    const std::string name = hook_dir_name(hook);
    planner.go_forward();
    if (now.broken_hooks.contains(hook)) {
        planner.remove_hook(hook);
        planner.say("removed the damaged hook " + name);
        return;
    }
    now.throw_fault(now.paths.hook_dir(hook));
    if (now.has(now.chain_path(hook)) && !now.is_damaged(now.chain_path(hook)))
        return;
    planner.add(PinChain{hook});
    planner.say("pinned the chain of " + name + " again, which had lost its programs");
}

bool is_beside(const Placement& placement) {
    return placement.kind == Placement::Kind::before || placement.kind == Placement::Kind::after;
}

Placement placement_in(const Chain& chain, const Placement& asked) {
    return is_beside(asked) && !chain.holds(asked.monitor) ? Placement{} : asked;
}

void plan_hook(Planner& planner, const HookRequest& request) {
    const StoreSnapshot& now = planner.now();
    const std::string dir = now.paths.hook_dir(request.id);
    if (now.has(dir)) {
        now.throw_fault(dir);
        const HookState& state = now.health.at(request.id);
        if (state.health == HookHealth::attached)
            return;
        if (state.health == HookHealth::moved)
            throw Error(ErrorKind::busy,
                        "another interface had this number before: " + state.problem)
                .hint("unload its monitors first; `dynmon-load status` shows them");
        planner.add(CheckLink{request.id});
    }
    std::vector<Action> undo;
    if (now.is_idle(request.id)) {
        const std::string stage = now.paths.staging_dir(now.paths.hooks_dir());
        undo = {Detach{request.id}, Rename{dir, stage}, RemoveTree{stage}};
    }
    planner.add(MakeHook{request}, std::move(undo));
    planner.look_again();
}

void plan_repair_chain(Planner& planner, const HookId& hook) {
    const StoreSnapshot& now = planner.now();
    now.throw_fault(now.paths.hook_dir(hook));
    if (!now.has(now.paths.hook_dir(hook)) || now.has(now.chain_path(hook)) ||
        now.health.at(hook).health != HookHealth::attached)
        return;
    planner.go_forward();
    planner.add(PinChain{hook});
    plan_restore_order(planner, hook);
}

namespace {

void plan_pins(Planner& planner, const NewGeneration& generation, const std::string& folder) {
    planner.add(MakeFolder{folder}, {RemoveTree{folder}});
    for (const auto& [name, pin] : generation.pins)
        if (name != "dynmon-record")
            planner.add(PinPart{folder + "/" + name, pin}, {Unpin{folder + "/" + name}});
    const std::string record = folder + "/dynmon-record"; // last: what it names is there
    planner.add(PinPart{record, RecordPin{.programs = generation.programs}}, {Unpin{record}});
}

} // namespace

void plan_load(Planner& planner, const NewGeneration& generation, const Placement& placement) {
    const StorePaths paths = planner.now().paths;
    const std::string stage = paths.staging_dir(paths.monitors_dir());
    const std::string dir = paths.monitor_dir(generation.monitor);
    MonitorState state{.active = static_cast<std::uint32_t>(generation.initial_side)};
    planner.add(MakeFolder{stage}, {RemoveTree{stage}});
    plan_pins(planner, generation, generation_dir(stage, generation.number).path());
    planner.add(MakeState{stage + "/state", state}, {Unpin{stage + "/state"}});
    planner.add(MakeFolder{stage + "/claim"}, {RemoveTree{stage + "/claim"}});
    planner.add(MakeTotals{stage});
    planner.add(Rename{stage, dir}, {Rename{dir, stage}});
    for (const ProgramRecord& program : generation.programs) {
        const Chain chain = planner.now().chain_at(program.hook);
        const std::size_t member = chain.find(generation.monitor, generation.number).value();
        planner.change_chain(program.hook, chain.insert(member, generation.initial_side,
                                                        placement_in(chain, placement)));
    }
    state.phase = Phase::running;
    planner.go_forward();
    planner.add(WriteState{dir + "/state", state, true});
}

void plan_next_generation(Planner& planner, const NewGeneration& generation) {
    const StorePaths paths = planner.now().paths;
    const std::string dir = paths.monitor_dir(generation.monitor);
    const std::string stage = paths.staging_dir(dir);
    plan_pins(planner, generation, stage);
    planner.go_forward();
    planner.add(Rename{stage, generation_dir(dir, generation.number).path()});
    planner.look_again();
}

} // namespace dynmon
