// SPDX-License-Identifier: BSD-2-Clause
// The order of programs on a hook, as the slots of its PROG_ARRAY hold it.
//
// Slot 0 holds the first program. Every loaded program instance owns one other slot; when it is
// done it tail-calls that slot, where its successor stands. So to put something in the place of a
// successor is one write to one slot: that of the instance that runs before it. A program with
// swapped maps is two instances (sides a and b), of which one is in the chain; the slot of the
// other is kept equal, so that a swap changes nothing behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "hook/chain_order.hpp"
#include "state/generation.hpp"
#include "state/lock.hpp"

namespace dynmon {

// A program on this hook, of any monitor and generation that still has its programs pinned.
struct ChainMember {
    std::string monitor;
    std::uint32_t generation = 0;
    GenerationDir dir;
    ProgramRecord program;
};

// A program on this hook of a monitor whose record cannot be used: it is damaged, or another
// version of dynmon wrote it. Which slots are its own is not known, nor what it hands over to.
struct OpaqueMember {
    std::string monitor;
    Error reason;
    Fd program;
    std::uint32_t id = 0;
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

class Chain {
public:
    // Reads the chain, up to the first opaque program if there is one. Those before it can be
    // swapped and removed. Nothing is put into a chain that opaque programs may have slots in, and
    // what is asked about members that are not before them throws their reason.
    // Throws Error{busy} when a slot holds a program that is none of `members` and `opaque`:
    // another program wrote there, and dynmon does not overwrite it.
    // `kept`: where the order is written down after each change.
    Chain(Fd map, std::vector<ChainMember> members, std::vector<OpaqueMember> opaque,
          ChainOrder kept);

    // Closes the descriptor of the chain: from then on it is a picture, which cannot be changed.
    void close() { map_.reset(); }

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

    // Each of these is seen by packets as one step. `lock` is the store's, held exclusively.
    void insert(const DirectoryLock& lock, std::size_t member, Side side,
                const Placement& placement);
    void replace(const DirectoryLock& lock, std::size_t old_member, std::size_t new_member,
                 Side side);
    void swap(const DirectoryLock& lock, std::size_t member, Side side);
    void remove(const DirectoryLock& lock, std::size_t member);

    // Frees the slots of a member that is not in the chain; only after a fence().
    void clear_slots(const DirectoryLock& lock, std::size_t member);
    // Makes the slots of idle instances equal to those of their active twins again, and writes the
    // order down if what is written down is not it: a change was killed, or made by a dynmon that
    // keeps none.
    void repair(const DirectoryLock& lock);

    std::optional<std::size_t> find(const std::string& monitor, std::uint32_t generation) const;

private:
    std::vector<OrderedProgram> ordered_programs() const;
    void keep_order() const;
    void require_known() const;    // throws the reason of an opaque member, wherever it is
    std::string unreached() const; // what read_order() has not met so far, for an error
    void read_order();
    std::size_t position_of(const Placement& placement) const;
    std::optional<std::size_t> place_of(std::size_t member) const;
    std::optional<std::uint32_t> program_id_in(std::uint32_t slot) const;
    void write_slot(std::uint32_t slot, const Fd& program) const; // empty Fd: clears it
    Fd program_at(std::size_t position) const; // beyond the last: the opaque one, or empty
    void point(std::size_t position, const Fd& program); // what runs at `position` from now on

    Fd map_;
    std::vector<ChainMember> members_;
    std::vector<OpaqueMember> opaque_;
    ChainOrder kept_;
    std::vector<ChainPlace> order_;
    std::optional<std::size_t> end_; // the opaque program that comes behind order_
};

} // namespace dynmon
