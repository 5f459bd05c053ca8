// SPDX-License-Identifier: BSD-2-Clause
#include "hook/chain.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/limits.hpp"
#include "kernel/bpf.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/prog_array.hpp"

namespace dynmon {

Chain::Chain(Fd map, std::vector<ChainMember> members, std::vector<OpaqueMember> opaque,
             ChainOrder kept)
    : map_(std::move(map)), members_(std::move(members)), opaque_(std::move(opaque)),
      kept_(std::move(kept)) {
    read_order();
}

std::optional<std::uint32_t> Chain::program_id_in(std::uint32_t slot) const {
    std::uint32_t id = 0;
    if (!lookup_element(map_, &slot, &id))
        return std::nullopt;
    return id;
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
            if (opaque_[i].id == *id) {
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
                  " (id " + std::to_string(opaque.id) + ")");
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

void Chain::write_slot(std::uint32_t slot, const Fd& program) const {
    if (!program) {
        delete_element(map_, &slot);
        return;
    }
    put_program(map_, slot, program);
}

Fd Chain::program_at(std::size_t position) const {
    if (position >= order_.size())
        return end_ ? duplicate(opaque_[*end_].program.get()) : Fd();
    const ChainMember& member = members_[order_[position].member];
    return member.dir.open_program(member.program, order_[position].side);
}

// The idle instance of the predecessor first: the write to the active one is what packets see.
void Chain::point(std::size_t position, const Fd& program) {
    if (position == 0) {
        write_slot(head_slot, program);
        return;
    }
    const ChainPlace& place = order_[position - 1];
    const std::vector<std::uint32_t>& slots = members_[place.member].program.slots;
    for (std::size_t side = 0; side < slots.size(); ++side)
        if (side != static_cast<std::size_t>(place.side))
            write_slot(slots[side], program);
    write_slot(slots[static_cast<std::size_t>(place.side)], program);
}

std::vector<OrderedProgram> Chain::ordered_programs() const {
    std::vector<OrderedProgram> programs;
    for (const ChainPlace& place : order_) {
        const ProgramRecord& program = members_[place.member].program;
        programs.push_back({program.ids, program.slots});
    }
    return programs;
}

void Chain::keep_order() const {
    if (opaque_.empty()) // else not every place is known
        kept_.write(ordered_programs());
}

void Chain::insert(const DirectoryLock&, std::size_t member, Side side,
                   const Placement& placement) {
    require_known();
    const std::size_t position = position_of(placement);
    const Fd successor = program_at(position);
    kept_.forget();
    for (const std::uint32_t slot : members_[member].program.slots)
        write_slot(slot, successor);
    point(position, members_[member].dir.open_program(members_[member].program, side));
    order_.insert(order_.begin() + static_cast<std::ptrdiff_t>(position), {member, side});
    keep_order();
}

void Chain::replace(const DirectoryLock&, std::size_t old_member, std::size_t new_member,
                    Side side) {
    require_known();
    const std::size_t position = place_of(old_member).value();
    const Fd successor = program_at(position + 1);
    kept_.forget();
    for (const std::uint32_t slot : members_[new_member].program.slots)
        write_slot(slot, successor);
    point(position, members_[new_member].dir.open_program(members_[new_member].program, side));
    order_[position] = {new_member, side};
    keep_order();
}

void Chain::swap(const DirectoryLock&, std::size_t member, Side side) {
    const std::size_t position = place_of(member).value();
    point(position, members_[member].dir.open_program(members_[member].program, side));
    order_[position].side = side;
}

void Chain::remove(const DirectoryLock&, std::size_t member) {
    const auto position = place_of(member);
    if (!position)
        return require_whole();
    const Fd successor = program_at(*position + 1);
    kept_.forget();
    point(*position, successor);
    order_.erase(order_.begin() + static_cast<std::ptrdiff_t>(*position));
    keep_order();
}

void Chain::clear_slots(const DirectoryLock&, std::size_t member) {
    for (const std::uint32_t slot : members_[member].program.slots)
        write_slot(slot, Fd());
}

void Chain::repair(const DirectoryLock&) {
    for (std::size_t i = 0; i < order_.size(); ++i) {
        const auto& slots = members_[order_[i].member].program.slots;
        const auto wanted = program_id_in(slots[static_cast<std::size_t>(order_[i].side)]);
        for (const std::uint32_t slot : slots)
            if (program_id_in(slot) != wanted)
                write_slot(slot, program_at(i + 1));
    }
    if (opaque_.empty() && kept_.read() != ordered_programs()) {
        kept_.forget();
        keep_order();
    }
}

} // namespace dynmon
