// SPDX-License-Identifier: BSD-2-Clause
// What a program's registers and stacks may hold at one of its instructions.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <linux/bpf.h>

// What a register or a place on the stack may hold: everything that it can be on any path.

namespace dynmon::policy {

// The kinds of things a value may be, a bit each. Nothing else can be reached by a program that the
// verifier lets in, except through a pointer that the analysis refuses.
namespace kind {
inline constexpr std::uint16_t number = 1u << 0;
inline constexpr std::uint16_t context = 1u << 1;    // struct __sk_buff, struct xdp_md
inline constexpr std::uint16_t packet = 1u << 2;     // bytes of the packet
inline constexpr std::uint16_t packet_end = 1u << 3; // where they end
inline constexpr std::uint16_t metadata = 1u << 4;   // bytes in front of the packet
inline constexpr std::uint16_t stack = 1u << 5;
inline constexpr std::uint16_t map_value = 1u << 6;
inline constexpr std::uint16_t map = 1u << 7;
inline constexpr std::uint16_t function = 1u << 8;
inline constexpr std::uint16_t memory = 1u << 9; // the program's own, such as a reserved event
inline constexpr std::uint16_t socket = 1u << 10;
inline constexpr std::uint16_t kernel = 1u << 11;
inline constexpr std::uint16_t slot = 1u << 12;    // the number in dynmon_slot, unchanged
inline constexpr std::uint16_t verdict = 1u << 13; // what the programs behind this one decided
inline constexpr std::uint16_t verdict_above = 1u << 14; // the same, in the upper half
// What can be dereferenced.
inline constexpr std::uint16_t pointers = context | packet | packet_end | metadata | stack |
                                          map_value | map | function | memory | socket | kernel;
} // namespace kind

struct Value {
    static constexpr std::size_t most_numbers = 16;    // beyond that it counts as computed
    static constexpr std::size_t inner_map = SIZE_MAX; // one that is kept in another map

    std::uint16_t kinds = kind::number;
    // As a number: one of these, in order; nullopt: any.
    std::optional<std::vector<std::uint64_t>> numbers;
    // As a pointer: bytes from where it began; nullopt: not known.
    std::optional<std::int64_t> offset;
    std::optional<std::size_t> frame;    // of the stack; nullopt: any of them
    std::optional<std::size_t> function; // nullopt: not known which
    std::optional<std::size_t> map;      // or of whose value; nullopt: not known which

    static Value any() { return {}; }
    static Value of(std::uint64_t number);
    static Value of_numbers(std::vector<std::uint64_t> numbers);
    static Value pointer(std::uint16_t kinds);         // at its beginning
    static Value pointer_or_null(std::uint16_t kinds); // the same, or 0

    bool may_be(std::uint16_t kinds_asked) const { return (kinds & kinds_asked) != 0; }
    bool is_only(std::uint16_t kinds_asked) const { return (kinds & ~kinds_asked) == 0; }
    // Its only value as a number, when that is all it can be.
    std::optional<std::uint64_t> constant() const;

    bool operator==(const Value&) const = default;
    bool join(const Value& other); // true: it holds more than before
};

// The register after an ALU instruction; what is not known is any number. `source` is the other
// operand. Not of what moves one register into another, which is copied().
Value computed(const bpf_insn& insn, const Value& target, const Value& source);
Value copied(const bpf_insn& insn, const Value& source);

// Whether a conditional jump can go one way for what `target` and `source` may be.
struct Ways {
    bool taken = true;
    bool not_taken = true;
};
Ways ways_of(const bpf_insn& insn, const Value& target, const Value& source);

// What `target` still may be when a jump with an immediate was taken or not.
Value narrowed(const bpf_insn& insn, const Value& target, bool taken);

} // namespace dynmon::policy

namespace dynmon::policy {

inline constexpr std::size_t register_count = 11;
inline constexpr std::size_t kept_registers = 4; // r6 to r9, which a function gives back

// What is known of one function that has been called and has not returned.
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
