// SPDX-License-Identifier: BSD-2-Clause
// How many instructions a program may run for one packet. What the verifier walks through is an
// upper bound for a program whose loops it walks round by round. It does not walk those by
// helpers, iterators and may_goto: here they are multiplied, rounds by instructions, nested ones by
// each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <linux/bpf.h>

#include "decode/map_shapes.hpp"
#include "policy/linked_code.hpp"
#include "policy/loops.hpp"

// Codes of BPF instructions that several files look for, with those that headers of older systems
// do not have.

namespace dynmon::policy::opcode {

inline constexpr std::uint8_t call = BPF_JMP | BPF_CALL;
inline constexpr std::uint8_t exit = BPF_JMP | BPF_EXIT;
inline constexpr std::uint8_t jump = BPF_JMP | BPF_JA;
inline constexpr std::uint8_t far_jump = BPF_JMP32 | BPF_JA; // gotol
inline constexpr std::uint8_t may_goto = BPF_JMP | 0xe0;
inline constexpr std::uint8_t wide_load = BPF_LD | BPF_IMM | BPF_DW; // takes two places
inline constexpr std::uint8_t atomic_mode = 0xc0;                    // BPF_ATOMIC
inline constexpr std::uint8_t signed_mode = 0x80;                    // BPF_MEMSX

// The operations of atomic_mode, in `imm`, beside those of BPF_ALU.
inline constexpr std::int32_t fetch_flag = 1;
inline constexpr std::int32_t exchange = 0xe1;
inline constexpr std::int32_t compare_exchange = 0xf1;
inline constexpr std::int32_t load_acquire = 0x100;
inline constexpr std::int32_t store_release = 0x110;

} // namespace dynmon::policy::opcode

namespace dynmon {

class Object;
struct ProgramInfo;

// When no policy of the machine says otherwise: what the verifier itself grants a program without
// such loops. Some ns each, so about a millisecond.
inline constexpr std::uint64_t preset_instructions = 1'000'000;

struct InstructionBound {
    std::uint64_t number = 0; // UINT64_MAX: or more
    // Loops that the verifier walks were counted once: `number` is too small, it knows better.
    bool unrolled = false;
    std::string loop; // the loop with the most rounds: "bpf_loop in probe.bpf.c:42"; "": none
    std::uint64_t rounds = 0; // of it
    bool constant = true;     // how often it goes round is known here
};

class Instructions {
public:
    // `object` must outlive this; `may_drop` as for behaviour_of().
    Instructions(const Object& object, const ProgramInfo& program, bool may_drop);

    // `shapes`: maps that are not made as the object says. `walked`: instructions that the verifier
    // walked through; without it `number` counts loops that it walks once.
    InstructionBound at_most(const std::vector<MapShape>& shapes,
                             std::optional<std::uint64_t> walked) const;

private:
    const Object& object_;
    policy::LinkedCode code_;
    policy::Loops loops_;
};

struct ProgramBound {
    std::string program;
    InstructionBound bound;
};
using ProgramBounds = std::vector<ProgramBound>;

// Throws Error{rejected} for more than `limit`, with the loop that makes it so and what to do.
void require_instructions(const std::string& program, const InstructionBound& bound,
                          std::uint64_t limit);

// "at most 4711 instructions a packet", unless plain loops were counted once.
std::string to_string(const InstructionBound& bound);

} // namespace dynmon
