// SPDX-License-Identifier: BSD-2-Clause
#include "control/force_remove.hpp"

#include <map>
#include <optional>
#include <set>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "control/chain_lookup.hpp"
#include "hook/hook.hpp"
#include "kernel/bpf.hpp"
#include "kernel/fence.hpp"
#include "kernel/own_pin.hpp"
#include "state/bpffs.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

using Ids = std::set<std::uint32_t>;

// Those that are pinned, and those that the record names, if it can be read: pins may be missing.
void add_programs(const std::string& dir, Ids& ids) {
    try {
        for (const ProgramRecord& program : GenerationDir(dir).read_programs())
            ids.insert(program.ids.begin(), program.ids.end());
    } catch (const Error&) {
        // nothing to go by but the pins
    }
    for (const std::string& name : list_directory(dir)) {
        if (!name.starts_with("prog-"))
            continue;
        try {
            if (const Fd program = try_open_own(dir + "/" + name, "bpf-prog"))
                ids.insert(program_facts(program).id);
        } catch (const Damaged&) {
            // no program of ours, so in no chain
        }
    }
}

Ids pinned_programs(const std::string& monitor_dir) {
    Ids ids;
    if (!is_directory(monitor_dir))
        return ids;
    for (const std::string& name : list_directory(monitor_dir))
        if (name.starts_with("g") && is_directory(monitor_dir + "/" + name))
            add_programs(monitor_dir + "/" + name, ids);
    return ids;
}

// One chain as it is, with the slots that its whole members own.
class RawChain {
public:
    // `removed`: the monitor whose slots are those that no other monitor has.
    RawChain(const Store& store, const HookId& hook, const std::string& removed)
        : map_(open_chain(store, hook)), kept_(store.hook_dir(hook)) {
        HookPrograms programs_here = programs_at(store, hook);
        for (const OpaqueMember& opaque : programs_here.opaque)
            if (opaque.monitor != removed && opaque.reason.kind() == ErrorKind::unsupported)
                other_version_ = opaque.reason;
        members_ = std::move(programs_here.members);
        std::erase_if(members_,
                      [&](const ChainMember& member) { return member.monitor == removed; });
        for (const ChainMember& member : members_)
            owned_.insert(member.program.slots.begin(), member.program.slots.end());
        for (std::uint32_t slot = 0; slot < limits::chain_slots; ++slot) {
            std::uint32_t id = 0;
            if (lookup_element(map_, &slot, &id))
                slots_[slot] = id;
        }
    }

    // A program that ran before one of `ids` now runs what came after it.
    void take_out(const Ids& ids, const std::string& hook) {
        if (other_version_) // slots that seem to have no owner are emptied below
            throw *other_version_;
        Ids successors;
        for (const auto& [slot, id] : slots_)
            if (!owned_.contains(slot) && !ids.contains(id))
                successors.insert(id);
        if (successors.size() > 1)
            throw Error(ErrorKind::failed,
                        "cannot find out any more what comes next in the chain of " + hook)
                .hint("unload the other monitors there, then `dynmon-load recover`");
        const Fd next = successors.empty() ? Fd() : program(*successors.begin());
        kept_.forget();
        for (const auto& [slot, id] : slots_)
            if (owned_.contains(slot) && ids.contains(id))
                write(slot, next);
        fence();
        for (const auto& [slot, id] : slots_)
            if (!owned_.contains(slot))
                write(slot, Fd());
    }
    bool holds(const Ids& ids) const {
        for (const auto& [slot, id] : slots_)
            if (ids.contains(id))
                return true;
        return false;
    }

private:
    Fd program(std::uint32_t id) const {
        for (const ChainMember& member : members_)
            if (const auto side = member.program.side_of(id))
                return member.dir.open_program(member.program, *side);
        throw Error(ErrorKind::busy,
                    "the chain holds " + describe_program(id) + ", which dynmon did not put there")
            .hint("remove it from the chain first; dynmon does not overwrite it");
    }
    void write(std::uint32_t slot, const Fd& program) const {
        if (!program) {
            delete_element(map_, &slot);
            return;
        }
        const int fd = program.get();
        update_element(map_, &slot, &fd);
    }

    Fd map_;
    ChainOrder kept_;
    std::vector<ChainMember> members_;
    std::optional<Error>
        other_version_; // of a monitor in this chain: which slots it has is unknown
    Ids owned_{0};      // by whole members; slot 0 is the hook's
    std::map<std::uint32_t, std::uint32_t> slots_;
};

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

void force_remove(const Store& store, const DirectoryLock& lock, const std::string& name) {
    const Ids ids = pinned_programs(store.monitor_dir(name));
    for (const HookId& hook : store.hooks()) {
        try {
            RawChain chain(store, hook, name);
            if (chain.holds(ids))
                chain.take_out(ids, hook_dir_name(hook));
        } catch (const Damaged&) {
            // a hook without a chain runs nothing
        }
    }
    fence();
    store.discard(store.monitor_dir(name));
    for (const HookId& hook : store.hooks())
        if (programs_at(store, hook).is_empty())
            remove_hook(store, lock, hook);
}

} // namespace dynmon
