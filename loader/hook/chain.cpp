// SPDX-License-Identifier: BSD-2-Clause
#include "hook/chain.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "kernel/bpf.hpp"

namespace dynmon {

PinnedProgram pinned_program(const ChainMember& member, Side side) {
    return {member.dir.program_path(member.program.direction, side),
            member.program.ids.at(static_cast<std::size_t>(side))};
}

Chain::Chain(Slots slots, std::vector<ChainMember> members, std::vector<OpaqueMember> opaque)
    : slots_(std::move(slots)), members_(std::move(members)), opaque_(std::move(opaque)) {
    read_order();
}

std::optional<std::uint32_t> Chain::program_id_in(std::uint32_t slot) const {
    const auto found = slots_.find(slot);
    return found == slots_.end() ? std::nullopt : std::optional(found->second);
}

void Chain::read_order() {
    order_.clear();
    std::uint32_t slot = head_slot;
    while (const auto id = program_id_in(slot)) {
        bool known = false;
        for (std::size_t i = 0; i < members_.size() && !known; ++i) {
            if (const auto side = members_[i].program.side_of(*id)) {
                order_.push_back({i, *side});
                slot = members_[i].program.slots.at(static_cast<std::size_t>(*side));
                known = true;
            }
        }
        for (std::size_t i = 0; i < opaque_.size() && !known; ++i)
            if (opaque_[i].program.id == *id) {
                end_ = i;
                return;
            }
        if (!known)
            throw Error(ErrorKind::busy, "slot " + std::to_string(slot) +
                                             " of the chain holds program " +
                                             describe_program(*id) +
                                             ", which dynmon did not put there; " + unreached())
                .hint("remove it from the chain first; dynmon does not overwrite it");
        if (order_.size() > limits::chain_slots)
            throw Error(ErrorKind::failed, "the chain runs in a circle");
        if (!members_[order_.back().member].program.hand_over)
            break; // nothing can follow it
    }
}

std::string Chain::unreached() const {
    std::string names;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        if (place_of(i))
            continue;
        names += (names.empty() ? "" : ", ") + members_[i].monitor + "/" +
                 members_[i].program.name + " (id";
        for (std::size_t side = 0; side < members_[i].program.ids.size(); ++side)
            names += (side == 0 ? " " : " or ") + std::to_string(members_[i].program.ids[side]);
        names += ")";
    }
    return names.empty() ? "all of its own are before it" : "not reached any more: " + names;
}

std::optional<std::size_t> Chain::find(const std::string& monitor, std::uint32_t generation) const {
    for (std::size_t i = 0; i < members_.size(); ++i)
        if (members_[i].monitor == monitor && members_[i].generation == generation)
            return i;
    return std::nullopt;
}

std::optional<std::size_t> Chain::place_of(std::size_t member) const {
    for (std::size_t i = 0; i < order_.size(); ++i)
        if (order_[i].member == member)
            return i;
    return std::nullopt;
}

std::optional<Side> Chain::active_side(const std::string& monitor, std::uint32_t generation) const {
    const auto member = find(monitor, generation);
    const auto place = member ? place_of(*member) : std::nullopt;
    if (member && !place)
        require_whole();
    return place ? std::optional(order_[*place].side) : std::nullopt;
}

namespace {

[[noreturn]] void throw_reason(const OpaqueMember& opaque) {
    Error reason = opaque.reason;
    reason.during("monitor '" + opaque.monitor + "' is in the chain, with program " + opaque.name +
                  " (id " + std::to_string(opaque.program.id) + ")");
    throw reason;
}

} // namespace

void Chain::require_whole() const {
    if (end_)
        throw_reason(opaque_[*end_]);
}

void Chain::require_known() const {
    if (!opaque_.empty())
        throw_reason(opaque_.front());
}

std::vector<std::uint32_t> Chain::free_slots(std::size_t count) const {
    require_known();
    std::set<std::uint32_t> taken{head_slot};
    for (const ChainMember& member : members_)
        taken.insert(member.program.slots.begin(), member.program.slots.end());
    std::vector<std::uint32_t> slots;
    for (std::uint32_t slot = 1; slot < limits::chain_slots && slots.size() < count; ++slot)
        if (!taken.contains(slot))
            slots.push_back(slot);
    if (slots.size() < count)
        throw Error(ErrorKind::busy,
                    "all " + std::to_string(limits::chain_slots) + " slots of the chain are taken");
    return slots;
}

std::size_t Chain::position_of(const Placement& placement) const {
    switch (placement.kind) {
    case Placement::Kind::first:
        return 0;
    case Placement::Kind::last:
        return order_.size();
    case Placement::Kind::before:
    case Placement::Kind::after:
        break;
    }
    for (std::size_t i = 0; i < order_.size(); ++i)
        if (members_[order_[i].member].monitor == placement.monitor)
            return placement.kind == Placement::Kind::before ? i : i + 1;
    throw Error(ErrorKind::usage, "monitor '" + placement.monitor + "' is not in this chain")
        .hint("--before and --after name a monitor on the same interface and hook");
}

bool Chain::holds(const std::string& monitor) const {
    return std::any_of(order_.begin(), order_.end(), [&](const auto& place) {
        return members_[place.member].monitor == monitor;
    });
}

void Chain::require_room(const std::string& monitor, const Placement& placement,
                         bool hand_over) const {
    require_known();
    if (order_.size() >= limits::tail_calls)
        throw Error(ErrorKind::busy, "the chain has " + std::to_string(order_.size()) +
                                         " programs, as many as the kernel's tail calls allow");
    const std::size_t position = position_of(placement);
    if (!hand_over && position < order_.size())
        throw Error(ErrorKind::usage, "'" + monitor +
                                          "' does not hand over to a next program, so "
                                          "it can only be last in the chain")
            .hint("write it with the entry macros of dynmon.h, or load it with --last");
    if (position > 0 && !members_[order_[position - 1].member].program.hand_over)
        throw Error(ErrorKind::busy, "monitor '" + members_[order_[position - 1].member].monitor +
                                         "' does not hand over: nothing can come after it")
            .hint("load this one with --first, or --before it");
}

std::optional<PinnedProgram> Chain::program_of_id(std::uint32_t id) const {
    for (const ChainMember& member : members_)
        if (const auto side = member.program.side_of(id))
            return pinned_program(member, *side);
    for (const OpaqueMember& opaque : opaque_)
        if (opaque.program.id == id)
            return opaque.program;
    return std::nullopt;
}

void Chain::write(ChainChange& change, std::uint32_t slot, std::optional<PinnedProgram> program,
                  bool seen) const {
    const auto now = program_id_in(slot);
    if (now == (program ? std::optional(program->id) : std::nullopt))
        return;
    change.writes.push_back(
        {slot, std::move(program), now ? program_of_id(*now) : std::nullopt, seen});
}

std::optional<PinnedProgram> Chain::program_at(std::size_t position) const {
    if (position < order_.size())
        return pinned_program(members_[order_[position].member], order_[position].side);
    return end_ ? std::optional(opaque_[*end_].program) : std::nullopt;
}

// The idle instance of the predecessor first: the write to the active one is what packets see.
void Chain::point(ChainChange& change, std::size_t position,
                  const std::optional<PinnedProgram>& program) const {
    if (position == 0)
        return write(change, head_slot, program, true);
    const ChainPlace& place = order_[position - 1];
    const std::vector<std::uint32_t>& slots = members_[place.member].program.slots;
    for (std::size_t side = 0; side < slots.size(); ++side)
        if (side != static_cast<std::size_t>(place.side))
            write(change, slots[side], program, false);
    write(change, slots[static_cast<std::size_t>(place.side)], program, true);
}

ChainChange Chain::change_to(const std::vector<ChainPlace>& order) const {
    ChainChange change;
    change.moves = true;
    if (!opaque_.empty()) // not every place is known
        return change;
    change.order.emplace();
    for (const ChainPlace& place : order) {
        const ProgramRecord& program = members_[place.member].program;
        change.order->push_back({program.ids, program.slots});
    }
    return change;
}

ChainChange Chain::insert(std::size_t member, Side side, const Placement& placement) const {
    require_known();
    const std::size_t position = position_of(placement);
    std::vector<ChainPlace> order = order_;
    order.insert(order.begin() + static_cast<std::ptrdiff_t>(position), {member, side});
    ChainChange change = change_to(order);
    for (const std::uint32_t slot : members_[member].program.slots)
        write(change, slot, program_at(position), false);
    point(change, position, pinned_program(members_[member], side));
    return change;
}

ChainChange Chain::replace(std::size_t old_member, std::size_t new_member, Side side) const {
    require_known();
    const std::size_t position = place_of(old_member).value();
    std::vector<ChainPlace> order = order_;
    order[position] = {new_member, side};
    ChainChange change = change_to(order);
    for (const std::uint32_t slot : members_[new_member].program.slots)
        write(change, slot, program_at(position + 1), false);
    point(change, position, pinned_program(members_[new_member], side));
    return change;
}

ChainChange Chain::swap(std::size_t member, Side side) const {
    ChainChange change;
    point(change, place_of(member).value(), pinned_program(members_[member], side));
    return change;
}

ChainChange Chain::remove(std::size_t member) const {
    const auto position = place_of(member);
    if (!position) {
        require_whole();
        return {};
    }
    std::vector<ChainPlace> order = order_;
    order.erase(order.begin() + static_cast<std::ptrdiff_t>(*position));
    ChainChange change = change_to(order);
    point(change, *position, program_at(*position + 1));
    return change;
}

ChainChange Chain::clear_slots(std::size_t member) const {
    ChainChange change;
    for (const std::uint32_t slot : members_[member].program.slots)
        write(change, slot, std::nullopt, false);
    return change;
}

ChainChange Chain::repair() const {
    ChainChange change = change_to(order_);
    change.moves = false;
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const auto& slots = members_[order_[i].member].program.slots;
        const auto wanted = program_id_in(slots[static_cast<std::size_t>(order_[i].side)]);
        for (const std::uint32_t slot : slots)
            if (program_id_in(slot) != wanted)
                write(change, slot, program_at(i + 1), false);
    }
    return change;
}

} // namespace dynmon
