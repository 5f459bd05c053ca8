// SPDX-License-Identifier: BSD-2-Clause
// What the walk of atomics.cpp tracks: numbers as far as they are known, and what registers and
// places on the stack may hold. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

#include <linux/bpf.h>

namespace dynmon::atomics {

constexpr std::size_t register_count = 11;
constexpr std::uint32_t most_known = 8; // rests are kept apart up to this power of two

// A number as far as it is known: all of it, or what it is more than a multiple of `modulus`.
struct Number {
    bool exact = false;
    std::int64_t value = 0;
    std::uint32_t modulus = 1;

    static Number of(std::int64_t value) { return {true, value, most_known}; }
    std::int64_t rest(std::uint32_t by) const {
        return value & static_cast<std::int64_t>(by - 1); // of a negative number too
    }
    bool operator==(const Number&) const = default;
};

Number sum(const Number& a, const Number& b, bool minus);
std::int64_t wrapped(std::uint64_t value);

// What a register or a place on the stack may be.
struct Abstract {
    std::uint64_t values = 0; // points into a value of one of these maps, `number` bytes in
    std::uint64_t maps = 0;   // is one of these maps
    bool stack = false;       // points into this function's stack
    bool untraced = false;    // points somewhere, perhaps into a value
    std::optional<std::size_t> function;
    Number number;

    bool pointer() const { return values != 0 || stack || untraced; }
    bool operator==(const Abstract&) const = default;
};

Abstract joined(const Abstract& a, const Abstract& b);

// Just before one instruction of a function, by whichever path it is reached.
struct TraceState {
    std::array<Abstract, register_count> registers;
    std::map<std::int64_t, Abstract> stack; // by offset; only what is worth knowing

    bool operator==(const TraceState&) const = default;

    bool join(const TraceState& other); // true: that changed something
    void compute(const bpf_insn& insn); // BPF_ALU and BPF_ALU64
    Abstract loaded(const Abstract& pointer, std::int16_t offset) const; // of 8 bytes
    void store(const bpf_insn& insn, const Abstract& what);
};

} // namespace dynmon::atomics
