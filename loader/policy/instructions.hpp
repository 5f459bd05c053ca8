// SPDX-License-Identifier: BSD-2-Clause
// How many instructions a program may run for one packet. What the verifier walks through is an
// upper bound for a program whose loops it walks round by round. Those by helpers, iterators and
// may_goto it does not: here they are multiplied, rounds by instructions, nested ones by each
// other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "decode/map_shapes.hpp"
#include "policy/linked_code.hpp"
#include "policy/loops.hpp"

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
