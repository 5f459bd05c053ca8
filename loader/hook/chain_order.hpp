// SPDX-License-Identifier: BSD-2-Clause
// The order of a chain as the store keeps it beside the chain: a read or swap of one program finds
// its place without the records of all other monitors.
//
// It is a frozen record, `order` in the hook's directory. A process that changes the chain
// removes it first and writes a new one last, so a change that was killed leaves none; then only a
// look at all monitors tells the order (Chain). It says which slots are whose. Which program is in
// a slot, only the kernel says: each place is held against it. A swap changes neither, and needs no
// new record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "state/bpffs.hpp"
#include "state/generation.hpp"
#include "state/lock.hpp"
#include "state/store.hpp"

namespace dynmon {

inline constexpr std::uint32_t head_slot = 0; // where the first program stands

// A program of the chain: its instances (one, or two sides) and the slot that each of them calls.
struct OrderedProgram {
    std::vector<std::uint32_t> ids;
    std::vector<std::uint32_t> slots; // as many

    bool operator==(const OrderedProgram&) const = default;
};

class ChainOrder {
public:
    explicit ChainOrder(const std::string& hook_dir) : path_(hook_dir + "/order") {}

    // First to last. Nothing: it is not known.
    std::optional<std::vector<OrderedProgram>> read() const;
    // After the last one. A process without the right to make maps leaves none.
    void write(const std::vector<OrderedProgram>& programs) const;

private:
    std::string path_;
};

// The place of one program, as ChainOrder knows it and the kernel confirms it. Holds the chain.
class ChainPosition {
public:
    // Nothing: the order is not known, or a slot on the way to the program, or behind it, holds
    // something else than the order says. Throws as open_chain(). The store must be locked.
    // `before`: of an earlier look at the same program. If the same pins still stand, its
    // descriptor is used again, and of the programs ahead only the last one is looked at.
    static std::optional<ChainPosition> find(const Store& store, const HookId& hook,
                                             const ProgramRecord& program,
                                             ChainPosition* before = nullptr);

    Side side() const { return side_; } // of the instance that packets run through
    // Puts `program`, the instance of `side`, there: only the last write is seen by packets, that
    // to the slot of the instance that runs. `lock` is the store's, held exclusively since find().
    void swap(const DirectoryLock& lock, Side side, const Fd& program);

private:
    struct Pins { // as they stood before they were opened
        std::optional<PinIdentity> chain;
        std::optional<PinIdentity> order;

        bool operator==(const Pins&) const = default;
    };

    ChainPosition(Fd chain, const Pins& pins, std::vector<std::uint32_t> slots, Side side)
        : chain_(std::move(chain)), pins_(pins), slots_(std::move(slots)), side_(side) {}

    Fd chain_;
    Pins pins_;
    std::vector<std::uint32_t> slots_; // that lead to it and hold its instance of side_; idle first
    Side side_;
};

} // namespace dynmon
