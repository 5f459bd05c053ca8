// SPDX-License-Identifier: BSD-2-Clause
// The order of programs on a hook, as the slots of its PROG_ARRAY hold it.
//
// Slot 0 holds the first program. Every loaded program instance owns one other slot; when it is
// done it tail-calls that slot, where its successor stands. So to put something in the place of a
// successor is one write to one slot: that of the instance that runs before it. A program with
// swapped maps is two instances (sides a and b), of which one is in the chain; the slot of the
// other is kept equal, so that a swap changes nothing behind it.
//
// All of it is pure: a chain is what its slots held when they were read, and a change of it is the
// list of slots to write.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "hook/chain_order.hpp"
#include "state/generation.hpp"

namespace dynmon {

// A program on this hook, of any monitor and generation that still has its programs pinned.
struct ChainMember {
    std::string monitor;
    std::uint32_t generation = 0;
    GenerationDir dir;
    ProgramRecord program;
};

// A program as the store has it pinned.
struct PinnedProgram {
    std::string path;
    std::uint32_t id = 0;

    bool operator==(const PinnedProgram&) const = default;
};

// A program on this hook of a monitor whose record cannot be used: it is damaged, or another
// version of dynmon wrote it. Which slots are its own is not known, nor what it hands over to.
struct OpaqueMember {
    std::string monitor;
    Error reason;
    PinnedProgram program;
    std::string name; // of the program, as the kernel knows it
};

// A member that is in the chain, and with which of its instances.
struct ChainPlace {
    std::size_t member = 0; // index into members()
    Side side = Side::a;
};

// Where to put a program: before or after another monitor's, or at one end.
struct Placement {
    enum class Kind { first, last, before, after } kind = Kind::last;
    std::string monitor;
};

using Slots = std::map<std::uint32_t, std::uint32_t>; // program ids; an empty slot is not there

struct SlotWrite {
    std::uint32_t slot = 0;
    std::optional<PinnedProgram> after;  // nothing: the slot is emptied
    std::optional<PinnedProgram> before; // nothing: it was empty, or what it held is not known
    bool seen = false;                   // packets may run through the slot
};

// Slots to write one after the other; each change is seen by packets as one step.
struct ChainChange {
    std::vector<SlotWrite> writes;                    // none that would write what is there
    bool moves = false;                               // the order becomes another one
    std::optional<std::vector<OrderedProgram>> order; // that one; nothing: not every place is known
};

class Chain {
public:
    // Up to the first opaque program, if there is one. Those before it can be swapped and removed.
    // Nothing is put into a chain that opaque programs may have slots in, and what is asked about
    // members that are not before them throws their reason.
    // `slots`: at least the first one, and those of `members`.
    // Throws Error{busy} when a slot holds a program that is none of `members` and `opaque`:
    // another program wrote there, and dynmon does not overwrite it.
    Chain(Slots slots, std::vector<ChainMember> members, std::vector<OpaqueMember> opaque);

    const std::vector<ChainMember>& members() const { return members_; }
    const std::vector<ChainPlace>& order() const { return order_; } // first to last
    std::optional<Side> active_side(const std::string& monitor, std::uint32_t generation) const;
    const OpaqueMember* end() const { return end_ ? &opaque_[*end_] : nullptr; } // null: read whole
    void require_whole() const; // throws the reason of end()

    // Slot numbers that no member owns; throws Error{busy} when the array is full.
    std::vector<std::uint32_t> free_slots(std::size_t count) const;
    // Whether packets run through a program of the monitor here.
    bool holds(const std::string& monitor) const;
    // Throws as insert() would, before anything is loaded.
    void require_room(const std::string& monitor, const Placement& placement, bool hand_over) const;

    ChainChange insert(std::size_t member, Side side, const Placement& placement) const;
    ChainChange replace(std::size_t old_member, std::size_t new_member, Side side) const;
    ChainChange swap(std::size_t member, Side side) const;
    ChainChange remove(std::size_t member) const;
    // Frees the slots of a member that is not in the chain; only after a fence.
    ChainChange clear_slots(std::size_t member) const;
    // Makes the slots of idle instances equal to those of their active twins again: a change was
    // killed. `order` is set, `moves` is not.
    ChainChange repair() const;

    std::optional<std::size_t> find(const std::string& monitor, std::uint32_t generation) const;

private:
    ChainChange change_to(const std::vector<ChainPlace>& order) const;
    void require_known() const;    // throws the reason of an opaque member, wherever it is
    std::string unreached() const; // what read_order() has not met so far, for an error
    void read_order();
    std::size_t position_of(const Placement& placement) const;
    std::optional<std::size_t> place_of(std::size_t member) const;
    std::optional<std::uint32_t> program_id_in(std::uint32_t slot) const;
    std::optional<PinnedProgram> program_of_id(std::uint32_t id) const;
    // Beyond the last: the opaque one, or nothing.
    std::optional<PinnedProgram> program_at(std::size_t position) const;
    void write(ChainChange& change, std::uint32_t slot, std::optional<PinnedProgram> program,
               bool seen) const;
    // What runs at `position` from now on.
    void point(ChainChange& change, std::size_t position,
               const std::optional<PinnedProgram>& program) const;

    Slots slots_;
    std::vector<ChainMember> members_;
    std::vector<OpaqueMember> opaque_;
    std::vector<ChainPlace> order_;
    std::optional<std::size_t> end_; // the opaque program that comes behind order_
};

// The program of one side of a member.
PinnedProgram pinned_program(const ChainMember& member, Side side);

} // namespace dynmon
