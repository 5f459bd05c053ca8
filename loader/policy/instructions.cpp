// SPDX-License-Identifier: BSD-2-Clause
#include "policy/instructions.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "object/object.hpp"
#include "policy/helpers.hpp"
#include "policy/loops.hpp"
#include "policy/walk.hpp"

namespace dynmon {

namespace {

using policy::Called;
using policy::Place;
using policy::Rounds;

// Before Linux 6.15 no more than Rounds::most; since then for a quarter of a second, in which a
// round takes a ns at least.
constexpr std::uint64_t most_may_goto = std::uint64_t{1} << 28;

// Bounds on what takes long to count, far beyond what people write: loops within loops, and pairs
// of a call that makes an iterator and one that asks it.
constexpr unsigned most_nested = 16;
constexpr std::size_t most_pairs = 1'000'000;

std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
    return a != 0 && b > UINT64_MAX / a ? UINT64_MAX : a * b;
}

// What a piece of a program costs.
struct Sum {
    std::uint64_t walked = 0; // instructions that the verifier walks through, each once
    bool unrolled = false;    // and some of them again and again
    std::uint64_t more = 0;   // what it does not multiply

    void add(const Sum& other) {
        walked = plus(walked, other.walked);
        unrolled = unrolled || other.unrolled;
        more = plus(more, other.more);
    }
};

// A cycle is cut where a loop asks whether to go on. What then goes round within a round is a loop
// of its own, so nested ones are multiplied.
class Count {
public:
    Count(const Object& object, const policy::LinkedCode& code, const policy::Loops& loops,
          const std::vector<MapShape>& shapes, std::optional<std::uint64_t> walked)
        : object_(object), code_(code), loops_(loops), shapes_(shapes), walked_(walked) {
        for (std::size_t i = 1; i < loops.contexts.size(); ++i)
            called_.emplace(Place(loops.contexts[i].caller, loops.contexts[i].call), i);
    }

    InstructionBound bound() {
        if (loops_.asked.size() * loops_.made.size() > most_pairs)
            note_uncountable(loops_.asked.begin()->first.second);
        else
            bound_.number = total(cost_of_context(0));
        return bound_;
    }

private:
    // The total of what runs by itself: the program, a callback, a round of a loop.
    std::uint64_t total(const Sum& sum) {
        bound_.unrolled = bound_.unrolled || (sum.unrolled && !walked_);
        return plus(sum.unrolled && walked_ ? *walked_ : sum.walked, sum.more);
    }

    // The kernel takes no recursion, so this ends.
    Sum cost_of_context(std::size_t context) {
        if (const auto known = costs_.find(context); known != costs_.end())
            return known->second;
        return costs_[context] = cost_of(context, nodes_of(context));
    }

    std::set<std::size_t> nodes_of(std::size_t context) const {
        std::set<std::size_t> nodes;
        for (auto at = loops_.visited.lower_bound({context, 0});
             at != loops_.visited.end() && at->first == context; ++at)
            nodes.insert(at->second);
        return nodes;
    }

    Sum cost_of(std::size_t context, const std::set<std::size_t>& nodes) {
        Sum sum;
        for (const policy::Component& part :
             policy::components(nodes, [&](std::size_t at) { return successors(at); }))
            sum.add(part.cycle ? cost_of_cycle(context, {part.nodes.begin(), part.nodes.end()})
                               : cost_of_instruction({context, part.nodes.front()}));
        return sum;
    }

    Sum cost_of_instruction(const Place& place) {
        Sum sum{.walked = 1};
        const auto [first, last] = called_.equal_range(place);
        for (auto at = first; at != last; ++at) {
            const Called& called = loops_.contexts[at->second];
            const Sum inside = cost_of_context(at->second);
            if (called.kind == Called::Kind::function && !code_.is_global_function(called.entry)) {
                sum.add(inside);
                continue;
            }
            std::uint64_t rounds = 1;
            if (called.kind != Called::Kind::function)
                rounds = rounds_of(rounds_of_call(place, at->second), place.second);
            sum.more = plus(sum.more, times(rounds, total(inside)));
        }
        return sum;
    }

    Sum cost_of_cycle(std::size_t context, std::set<std::size_t> nodes) {
        std::optional<std::size_t> head;
        std::uint64_t rounds = 1;
        for (const std::size_t at : nodes) {
            const std::optional<Rounds> known = rounds_of_iterator({context, at}, nodes);
            if (!known || !leaves_at_end(at, nodes))
                continue;
            const std::uint64_t number = plus(rounds_of(*known, at), 1);
            if (!head || number < rounds)
                head = at, rounds = number;
        }
        if (head && nested_ == most_nested) {
            note_uncountable(*head);
            return {.more = UINT64_MAX};
        }
        if (head) {
            nodes.erase(*head);
            ++nested_;
            Sum inside = cost_of(context, nodes);
            --nested_;
            inside.add(cost_of_instruction({context, *head}));
            return {.more = times(rounds, total(inside))};
        }
        if (const std::optional<std::size_t> last = where_walk_ends(context, nodes)) {
            note_endless(*last);
            return {.more = UINT64_MAX};
        }
        Sum sum;
        // The verifier walks round by round; what it does not multiply, it meets as often at most.
        for (const std::size_t at : nodes)
            sum.add(cost_of_instruction({context, at}));
        sum.unrolled = true;
        sum.more = times(sum.more, walked_.value_or(1));
        return sum;
    }

    // A callback that puts entries in front of a walk through a hash is given them, too.
    Rounds rounds_of_call(const Place& place, std::size_t callback) const {
        const Rounds& rounds = loops_.calls.at(place);
        const bool grows = rounds.map && *rounds.map < object_.maps().size() &&
                           !is_array_like(object_.maps()[*rounds.map].type) &&
                           adds_entries(callback);
        return grows ? Rounds{.number = Rounds::most, .known = false} : rounds;
    }

    bool adds_entries(std::size_t context) const {
        for (const std::size_t at : nodes_of(context)) {
            const bpf_insn& insn = code_.instructions()[at];
            if (insn.code == policy::opcode::call && insn.src_reg == 0 &&
                insn.imm == BPF_FUNC_map_update_elem && code_.reference(at) == nullptr)
                return true;
            const auto [first, last] = called_.equal_range({context, at});
            if (std::any_of(first, last,
                            [&](const auto& call) { return adds_entries(call.second); }))
                return true;
        }
        return false;
    }

    // The rounds of the loop that asks at `place` whether to go on; nullopt: none of `nodes`, or it
    // may begin again in each of their rounds.
    std::optional<Rounds> rounds_of_iterator(const Place& place,
                                             const std::set<std::size_t>& nodes) const {
        if (code_.instructions()[place.second].code == policy::opcode::may_goto)
            return Rounds{.number = most_may_goto, .known = false};
        const auto asked = loops_.asked.find(place);
        if (asked == loops_.asked.end() || !asked->second.at)
            return std::nullopt;
        std::optional<Rounds> rounds;
        for (const auto& [at, made] : loops_.made) {
            if (made.at && made.at != asked->second.at)
                continue;
            if (is_within(at, place.first, nodes))
                return std::nullopt;
            if (at.first != place.first)
                continue;
            if (rounds)
                rounds->join(made.rounds);
            else
                rounds = made.rounds;
        }
        return rounds;
    }

    // Whether what asks at `at` leaves `nodes` when there is no more: an answer that is not
    // looked at ends no loop.
    bool leaves_at_end(std::size_t at, const std::set<std::size_t>& nodes) const {
        if (code_.instructions()[at].code == policy::opcode::may_goto)
            return !nodes.contains(jump_target(at));
        std::set<unsigned> answers{0}; // registers
        for (at = behind(at); nodes.contains(at); at = behind(at)) {
            const bpf_insn& insn = code_.instructions()[at];
            const unsigned kind = BPF_CLASS(insn.code);
            if (kind == BPF_JMP || kind == BPF_JMP32) {
                const bool equal = insn.code == (BPF_JMP | BPF_JEQ | BPF_K);
                if ((!equal && insn.code != (BPF_JMP | BPF_JNE | BPF_K)) || insn.imm != 0 ||
                    !answers.contains(insn.dst_reg))
                    return false;
                return !nodes.contains(equal ? jump_target(at) : at + 1);
            }
            if (insn.code == (BPF_ALU64 | BPF_MOV | BPF_X) && answers.contains(insn.src_reg))
                answers.insert(insn.dst_reg);
            else if (kind != BPF_ST && kind != BPF_STX)
                answers.erase(insn.dst_reg);
            else if (BPF_MODE(insn.code) == policy::opcode::atomic_mode)
                return false;
        }
        return false;
    }

    std::size_t behind(std::size_t at) const {
        return at + (code_.instructions()[at].code == policy::opcode::wide_load ? 2 : 1);
    }

    std::size_t jump_target(std::size_t at) const {
        const bpf_insn& insn = code_.instructions()[at];
        const bool far = insn.code == policy::opcode::far_jump;
        return at + 1 + static_cast<std::size_t>(std::int64_t{far ? insn.imm : insn.off});
    }

    // Whether `place` is one of `nodes` of `context`, or in what they call.
    bool is_within(Place place, std::size_t context, const std::set<std::size_t>& nodes) const {
        while (place.first != context && place.first != 0)
            place = {loops_.contexts[place.first].caller, loops_.contexts[place.first].call};
        return place.first == context && nodes.contains(place.second);
    }

    // An instruction in `nodes`, or in what they call, at which the verifier compares its state
    // with those before and goes no further when it knows it. A plain loop around one may have no
    // end.
    std::optional<std::size_t> where_walk_ends(std::size_t context,
                                               const std::set<std::size_t>& nodes) const {
        for (const std::size_t at : nodes) {
            const Place place{context, at};
            if (loops_.asked.contains(place) ||
                code_.instructions()[at].code == policy::opcode::may_goto)
                return at;
            const auto [first, last] = called_.equal_range(place);
            for (auto call = first; call != last; ++call) {
                const Called& called = loops_.contexts[call->second];
                if (called.kind == Called::Kind::callback)
                    return at;
                if (called.kind != Called::Kind::function || code_.is_global_function(called.entry))
                    continue;
                if (const auto inside = where_walk_ends(call->second, nodes_of(call->second)))
                    return inside;
            }
        }
        return std::nullopt;
    }

    void note_uncountable(std::size_t at) {
        note_endless(at, "a nest of more loops than dynmon counts, as of ");
        bound_.number = UINT64_MAX;
    }

    void note_endless(std::size_t at, const char* what = "the plain loop around ") {
        bound_.rounds = UINT64_MAX;
        bound_.constant = false;
        bound_.loop = what + name_of(at) + " in " + code_.place(at);
    }

    std::uint64_t rounds_of(const Rounds& rounds, std::size_t at) {
        std::uint64_t number = rounds.number;
        if (rounds.map)
            number = *rounds.map < object_.maps().size()
                         ? shaped(object_.maps()[*rounds.map], shapes_).max_entries
                         : std::uint64_t{UINT32_MAX};
        if (number > bound_.rounds && number > 1) {
            bound_.rounds = number;
            bound_.constant = rounds.known;
            bound_.loop = name_of(at) + " in " + code_.place(at);
        }
        return number;
    }

    std::string name_of(std::size_t at) const {
        const bpf_insn& insn = code_.instructions()[at];
        if (insn.code != policy::opcode::call)
            return "may_goto";
        return code_.reference(at) != nullptr ? "bpf_for" : policy::helper_name(insn.imm);
    }

    std::vector<std::size_t> successors(std::size_t at) const {
        const bpf_insn& insn = code_.instructions()[at];
        const bool jumps = BPF_CLASS(insn.code) == BPF_JMP || BPF_CLASS(insn.code) == BPF_JMP32;
        if (!jumps || insn.code == policy::opcode::call)
            return {behind(at)};
        if (insn.code == policy::opcode::exit)
            return {};
        const bool far = insn.code == policy::opcode::far_jump;
        const std::size_t target = jump_target(at);
        if (far || insn.code == policy::opcode::jump)
            return {target};
        return {behind(at), target};
    }

    const Object& object_;
    const policy::LinkedCode& code_;
    const policy::Loops& loops_;
    const std::vector<MapShape>& shapes_;
    std::optional<std::uint64_t> walked_;
    std::multimap<Place, std::size_t> called_;
    std::map<std::size_t, Sum> costs_; // by context
    unsigned nested_ = 0;
    InstructionBound bound_;
};

policy::Loops loops_of(const Object& object, const ProgramInfo& program,
                       const policy::LinkedCode& code, bool may_drop) {
    policy::Walk walk(object, program, code, may_drop);
    walk.run();
    return walk.loops();
}

std::string number_text(std::uint64_t number) {
    return number == UINT64_MAX ? "endlessly many" : std::to_string(number);
}

} // namespace

Instructions::Instructions(const Object& object, const ProgramInfo& program, bool may_drop)
    : object_(object), code_(object), loops_(loops_of(object, program, code_, may_drop)) {}

InstructionBound Instructions::at_most(const std::vector<MapShape>& shapes,
                                       std::optional<std::uint64_t> walked) const {
    if (loops_.contexts.empty()) // a program that the analysis refuses
        return {};
    return Count(object_, code_, loops_, shapes, walked).bound();
}

void require_instructions(const std::string& program, const InstructionBound& bound,
                          std::uint64_t limit) {
    if (bound.number <= limit)
        return;
    std::string text = "program '" + program + "' may run " + number_text(bound.number) +
                       " instructions a packet; at most " + std::to_string(limit) + " are allowed";
    std::string hint = "let its loops go round less often";
    if (!bound.loop.empty()) {
        text += ": " + bound.loop + " goes round " +
                (bound.rounds == UINT64_MAX ? "endlessly often"
                                            : "up to " + std::to_string(bound.rounds) + " times");
        if (!bound.constant) {
            text += ", as far as is known here";
            hint = "give that loop a constant number of rounds (no variable, no parameter), by "
                   "bpf_loop or bpf_for, or by a plain `for` that is around none of those";
        }
    }
    Error error(ErrorKind::rejected, text);
    error.hint(hint);
    if (bound.number != UINT64_MAX)
        error.or_hint("raise `instructions` in the machine's policy");
    throw error;
}

std::string to_string(const InstructionBound& bound) {
    const std::string number = number_text(bound.number) + " instructions a packet";
    return bound.unrolled
               ? number + ", going once through its plain loops (--kernel counts them in full)"
               : "at most " + number;
}

} // namespace dynmon
