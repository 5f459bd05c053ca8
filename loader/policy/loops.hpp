// SPDX-License-Identifier: BSD-2-Clause
// The loops that the verifier does not walk round by round: by helpers, iterators and may_goto.
// Found by Walk; how long they make a program is worked out in instructions.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "policy/state.hpp"

// The cycles of a graph. Pure.

namespace dynmon::policy {

struct Component {
    std::vector<std::size_t> nodes;
    bool cycle = false; // a way leads from each of them back to it
};

using Successors = std::function<std::vector<std::size_t>(std::size_t)>;

// `nodes` apart into what is on a cycle with each other, by the edges among them.
std::vector<Component> components(const std::set<std::size_t>& nodes, const Successors& successors);

} // namespace dynmon::policy

namespace dynmon::policy {

// How often a loop may go round.
struct Rounds {
    static constexpr std::uint64_t most = std::uint64_t{1} << 23; // BPF_MAX_LOOPS of the kernel

    std::uint64_t number = 0;
    bool known = true;              // false: `number` is the most that the kernel allows
    std::optional<std::size_t> map; // as often as that map has entries, `number` does not count

    void join(const Rounds& other);
};

// A function that has been called, in the order of the calls that led there.
struct Called {
    enum class Kind : std::uint8_t { program, function, callback, later };
    Kind kind = Kind::program;
    std::size_t caller = 0; // number of such a context
    std::size_t call = 0;   // instruction
    std::size_t entry = 0;  // instruction
};

// An instruction as reached by one way of calls: number of the context, instruction.
using Place = std::pair<std::size_t, std::size_t>;

// An iterator on the stack, by frame and offset; nullopt: not known where it is.
using IteratorAt = std::optional<std::pair<std::size_t, std::int64_t>>;

struct Loops {
    std::vector<Called> contexts; // that of the program first
    std::set<Place> visited;
    std::map<Place, Rounds> calls; // of helpers that call a function again and again
    struct Iterator {
        IteratorAt at;
        Rounds rounds; // of what makes it
    };
    std::map<Place, Iterator> made;
    std::map<Place, Iterator> asked; // for the next number

    // `place` calls helper `number`, which calls functions, or the kernel function `name`.
    void note_helper(const Place& place, std::int32_t number, const State& state);
    void note_kernel_function(const Place& place, const std::string& name, const State& state);
};

} // namespace dynmon::policy
