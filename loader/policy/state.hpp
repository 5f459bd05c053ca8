// SPDX-License-Identifier: BSD-2-Clause
// What a program's registers and stacks may hold at one of its instructions.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "policy/value.hpp"

namespace dynmon::policy {

inline constexpr std::size_t register_count = 11;
inline constexpr std::size_t kept_registers = 4; // r6 to r9, which a function gives back

// Of one function that has been called and has not returned.
struct Frame {
    struct Slot {
        Value value;
        unsigned size = 8;
        bool operator==(const Slot&) const = default;
    };
    std::map<std::int64_t, Slot> slots;     // by offset
    Value elsewhere;                        // what any other place may hold: at least any number
    std::array<Value, kept_registers> kept; // the caller's
};

struct State {
    std::array<Value, register_count> registers;
    std::vector<Frame> frames; // that of the program first

    // The context in r1.
    static State at_start();

    std::size_t size() const;      // in values
    bool join(const State& other); // of the same functions; true: it holds more than before

    // `size` bytes at `offset` from the pointer, which may be to a stack; nullopt: no stack.
    Value load(const Value& pointer, std::optional<std::int64_t> offset, unsigned size) const;
    void store(const Value& pointer, std::optional<std::int64_t> offset, unsigned size,
               const Value& value);
    // Something was written there, of unknown size: any slot from there on may be any number.
    void scrub(const Value& pointer);

    void enter_function();                      // arguments in r1 to r5 stay
    void leave_function();                      // r0 stays
    void forget(unsigned first, unsigned last); // registers

private:
    std::vector<Frame*> frames_of(const Value& pointer);
};

} // namespace dynmon::policy
