// SPDX-License-Identifier: BSD-2-Clause
// Follows every path of a program, whether or not it can be taken, through its functions and
// callbacks, until it learns nothing new of any of its instructions.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "policy/calls.hpp"
#include "policy/linked_code.hpp"
#include "policy/loops.hpp"
#include "policy/memory.hpp"
#include "policy/rules.hpp"
#include "policy/state.hpp"

namespace dynmon::policy {

// How far a path is with handing the packet over.
enum class Stage : std::uint8_t {
    before,   // it has not
    after,    // it has, and the slot was empty
    answered, // it has, from within a function: r0 is what the others decided
};

class Walk {
public:
    using Exits = std::map<std::pair<Stage, std::size_t>, Value>; // by instruction: r0

    // `may_drop` is what the loader writes into dynmon_may_drop. All of them must outlive this.
    Walk(const Object& object, const ProgramInfo& program, const LinkedCode& code, bool may_drop);

    void run();

    const Findings& findings() const { return findings_; }
    // Where what a lookup gave is used, and nothing can have asked whether it is NULL: the map.
    const std::map<std::size_t, std::optional<std::size_t>>& unasked() const { return unasked_; }
    const Exits& exits() const { return exits_; } // of the program, not of its functions
    Loops loops() const;

private:
    struct Context : Called {
        std::size_t depth = 1;
        std::array<Value, register_count> arguments{}; // of a callback, each time
    };
    using Point = std::tuple<std::size_t, Stage, std::size_t>; // context, stage, instruction

    void flow_to(const Point& point, const State& state);
    void give_up(std::size_t at, const std::string& what);
    void walk_from(const Point& start);
    void note_unasked(std::size_t at, const State& state, unsigned& unasked);
    void compute(std::size_t at, State& state);
    bool load(const Point& point, State& state); // false: no path goes on here
    void load_wide(std::size_t at, State& state);
    void store(std::size_t at, State& state);
    void change(std::size_t at, State& state); // atomically
    bool jump(const Point& point, State& state);
    void branch(const Point& point, const State& state);
    bool call(const Point& point, State& state);
    bool tail_call(const Point& point, State& state);
    void enter(const Point& point, std::size_t function, Called::Kind kind, const State& state);
    void enter_callback(const Point& point, const Helper& helper, const State& state);
    void leave(const Point& point, State state);
    Target target_at(std::size_t at, unsigned pointer, const State& state) const;
    std::size_t jump_target(std::size_t at) const;
    bool is_valid(std::size_t at);

    const LinkedCode& code_;
    const ProgramInfo& program_;
    Findings findings_;
    Memory memory_;
    Calls calls_;
    std::vector<Context> contexts_;
    std::map<std::tuple<std::size_t, std::size_t, std::size_t>, std::size_t> known_; // of contexts
    std::set<std::size_t> meets_; // where paths meet
    std::map<Point, State> states_;
    std::set<Point> work_;
    Exits exits_;
    Loops loops_; // less their contexts
    std::map<std::size_t, std::optional<std::size_t>> unasked_;
    std::size_t steps_ = 0;
    std::size_t kept_ = 0;
    std::size_t moved_ = 0;
};

} // namespace dynmon::policy
