// SPDX-License-Identifier: BSD-2-Clause
#include "control/fake_kernel.hpp"

#include <algorithm>

namespace dynmon {

namespace {

std::set<std::uint32_t> reached(const StoreSnapshot& tree) {
    std::set<std::uint32_t> ids;
    for (const HookId& hook : tree.hooks()) {
        if (tree.get<ChainPin>(tree.chain_path(hook)) == nullptr)
            continue;
        const Chain chain = tree.chain_at(hook);
        for (const ChainPlace& place : chain.order())
            ids.insert(
                chain.members()[place.member].program.ids.at(static_cast<std::size_t>(place.side)));
    }
    return ids;
}

// Programs that are pinned at `path` or below.
std::set<std::uint32_t> pinned_below(const StoreSnapshot& tree, const std::string& path) {
    std::set<std::uint32_t> ids;
    for (const HookId& hook : tree.hooks())
        for (const ChainMember& member : tree.members_at(hook))
            for (std::size_t side = 0; side < member.program.ids.size(); ++side) {
                const PinnedProgram program = pinned_program(member, static_cast<Side>(side));
                if (program.path == path || program.path.starts_with(path + "/"))
                    ids.insert(program.id);
            }
    return ids;
}

bool overlap(const std::set<std::uint32_t>& one, const std::set<std::uint32_t>& other) {
    return std::any_of(one.begin(), one.end(),
                       [&](std::uint32_t id) { return other.contains(id); });
}

} // namespace

std::vector<std::string> chain_of(const StoreSnapshot& tree, const HookId& hook) {
    std::vector<std::string> names;
    const Chain chain = tree.chain_at(hook);
    for (const ChainPlace& place : chain.order())
        names.push_back(chain.members()[place.member].monitor);
    return names;
}

// What would be wrong with `action` here.
void FakeKernel::watch(const Action& action) {
    const auto running_at = [&](const std::string& path) {
        return overlap(pinned_below(tree, path), running_);
    };
    if (std::holds_alternative<Fence>(action))
        running_ = reached(tree);
    if (const auto* unpin = std::get_if<Unpin>(&action); unpin && running_at(unpin->path))
        violations.push_back("unpins a program that may run: " + unpin->path);
    if (const auto* remove = std::get_if<RemoveTree>(&action); remove && running_at(remove->path))
        violations.push_back("removes a program that may run: " + remove->path);
    const auto* write = std::get_if<WriteSlot>(&action);
    if (write == nullptr || write->program)
        return;
    for (const ChainMember& member : tree.members_at(write->hook))
        for (std::size_t side = 0; side < member.program.slots.size(); ++side)
            if (member.program.slots[side] == write->slot &&
                running_.contains(member.program.ids[side]) &&
                !reached(tree).contains(member.program.ids[side]))
                violations.push_back("empties a slot whose program may still run");
}

void FakeKernel::run(const Action& action) {
    if (kill_at == ran.size())
        throw Killed{};
    if (fail_at == ran.size()) {
        fail_at.reset();
        throw Error(ErrorKind::failed, "injected", error_number);
    }
    if (!looked_)
        find_bystanders();
    looked_ = true;
    watch(action);
    ran.push_back(action);
    simulate(action, tree);
    const std::set<std::uint32_t> now = reached(tree);
    running_.insert(now.begin(), now.end());
    for (const auto& [hook, wanted] : reached_) {
        const std::vector<std::string> names =
            tree.has(tree.chain_path(hook)) ? chain_of(tree, hook) : std::vector<std::string>{};
        for (const std::string& name : wanted)
            if (std::count(names.begin(), names.end(), name) != 1)
                violations.push_back(name + " is not reached once");
    }
}

// Which bystanders are where, before anything is done.
void FakeKernel::find_bystanders() {
    running_ = reached(tree);
    for (const HookId& hook : tree.hooks()) {
        if (!tree.has(tree.chain_path(hook)))
            continue;
        for (const std::string& name : chain_of(tree, hook))
            if (bystanders.contains(name))
                reached_[hook].insert(name);
    }
}

FakeStore::FakeStore() : tree(StorePaths("/store")) {
    tree.pins["/store"] = FolderPin{};
    tree.pins["/store/monitors"] = FolderPin{};
    tree.pins["/store/hooks"] = FolderPin{};
}

void FakeStore::add_hook(const HookId& hook) {
    const std::string dir = tree.paths.hook_dir(hook);
    const std::uint32_t chain = next_id_++;
    tree.pins[dir] = FolderPin{};
    tree.pins[dir + "/record"] = ObjectPin{};
    tree.pins[dir + "/link"] = ObjectPin{};
    tree.pins[dir + "/pivot"] = ProgramPin{next_id_++, "pivot", {chain}};
    tree.pins[dir + "/chain"] = ChainPin{chain, {}};
    tree.pins[dir + "/order"] = OrderPin{};
    tree.health[hook] = {};
}

void FakeStore::add_generation(const std::string& monitor, std::uint32_t number,
                               const std::set<HookId>& hooks, std::size_t sides) {
    const GenerationDir dir = tree.generation(monitor, number);
    tree.pins[tree.paths.monitor_dir(monitor)] = FolderPin{};
    tree.pins[dir.path()] = FolderPin{};
    RecordPin record;
    for (const HookId& hook : hooks) {
        ProgramRecord program{.direction = hook.point == HookPoint::tc_egress ? Direction::egress
                                                                              : Direction::ingress,
                              .name = "count",
                              .hook = hook,
                              .hand_over = true};
        program.slots = tree.chain_at(hook).free_slots(sides);
        for (std::size_t side = 0; side < sides; ++side) {
            program.ids.push_back(next_id_++);
            tree.pins[dir.program_path(program.direction, static_cast<Side>(side))] = ProgramPin{};
        }
        record.programs.push_back(program);
    }
    tree.pins[dir.path() + "/dynmon-record"] = record;
    tree.pins[dir.path() + "/dynmon-btf"] = ObjectPin{};
    tree.pins[dir.path() + "/flows"] = MapPin{next_id_++, false};
}

void FakeStore::set_state(const std::string& monitor, const MonitorState& state) {
    tree.pins[tree.paths.monitor_dir(monitor) + "/state"] = StatePin{.state = state};
}

void FakeStore::add_monitor(const std::string& monitor, const std::set<HookId>& hooks,
                            std::size_t sides) {
    add_generation(monitor, 1, hooks, sides);
    set_state(monitor, {.phase = Phase::running});
    tree.pins[tree.paths.monitor_dir(monitor) + "/claim"] = FolderPin{};
    Planner planner(tree);
    for (const HookId& hook : hooks) {
        const Chain chain = planner.now().chain_at(hook);
        planner.change_chain(hook, chain.insert(chain.find(monitor, 1).value(), Side::a, {}));
    }
    tree = planner.now();
}

} // namespace dynmon
