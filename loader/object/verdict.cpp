#include "object/verdict.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <linux/pkt_cls.h>

#include "manifest/manifest.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

constexpr std::size_t registers = 11;
constexpr std::size_t most_values = 16; // of one register; beyond that it counts as computed

// The values a register may hold at a point of the program.
struct Values {
    bool any = false; // computed
    std::set<std::int32_t> known;

    bool join(const Values& other) {
        const bool was_any = any;
        const std::size_t before = known.size();
        known.insert(other.known.begin(), other.known.end());
        any = any || other.any || known.size() > most_values;
        return any != was_any || known.size() != before;
    }
};

using State = std::array<Values, registers>;

// Forward over all paths until nothing changes: a register holds what was moved into it as an
// immediate, directly or through another register; everything else is `any`.
class Analysis {
public:
    explicit Analysis(std::span<const bpf_insn> program)
        : program_(program), states_(program.size()), reached_(program.size()) {}

    std::optional<std::set<std::int32_t>> run() {
        State start;
        for (Values& values : start)
            values.any = true;
        flow_to(0, start);
        while (!work_.empty()) {
            const std::size_t at = work_.back();
            work_.pop_back();
            step(at);
        }
        if (verdicts_.any)
            return std::nullopt;
        return verdicts_.known;
    }

private:
    void flow_to(std::size_t at, const State& state) {
        if (at >= program_.size()) {
            verdicts_.any = true; // falls off the end: not a program that would load
            return;
        }
        bool changed = !reached_[at];
        for (std::size_t i = 0; i < registers; ++i)
            changed = states_[at][i].join(state[i]) || changed;
        reached_[at] = true;
        if (changed)
            work_.push_back(at);
    }

    void step(std::size_t at) {
        const bpf_insn& insn = program_[at];
        State state = states_[at];
        const auto kind = BPF_CLASS(insn.code);
        if (kind == BPF_JMP || kind == BPF_JMP32) {
            jump(at, insn, state);
            return;
        }
        std::size_t next = at + 1;
        if (kind == BPF_ALU || kind == BPF_ALU64)
            compute(insn, state);
        else if (kind == BPF_LD || kind == BPF_LDX)
            state[insn.dst_reg % registers] = {.any = true, .known = {}};
        else if (BPF_MODE(insn.code) == 0xc0) // BPF_ATOMIC may fetch into src or r0
            state[insn.src_reg % registers] = state[0] = {.any = true, .known = {}};
        if (insn.code == (BPF_LD | BPF_IMM | BPF_DW))
            ++next; // takes two places
        flow_to(next, state);
    }

    static void compute(const bpf_insn& insn, State& state) {
        Values& target = state[insn.dst_reg % registers];
        if (BPF_OP(insn.code) != BPF_MOV || insn.off != 0) // an offset means sign extension
            target = {.any = true, .known = {}};
        else if (BPF_SRC(insn.code) == BPF_X)
            target = state[insn.src_reg % registers];
        else
            target = {.any = false, .known = {insn.imm}};
    }

    void jump(std::size_t at, const bpf_insn& insn, State& state) {
        const auto operation = BPF_OP(insn.code);
        if (operation == BPF_EXIT) {
            verdicts_.join(state[0]);
            return;
        }
        if (operation == BPF_CALL) {
            for (std::size_t i = 0; i <= 5; ++i) // r1 to r5 are the callee's
                state[i] = {.any = true, .known = {}};
            flow_to(at + 1, state);
            return;
        }
        const std::int32_t offset =
            BPF_CLASS(insn.code) == BPF_JMP32 && operation == BPF_JA ? insn.imm : insn.off;
        flow_to(at + 1 + static_cast<std::size_t>(std::int64_t{offset}), state);
        if (operation != BPF_JA)
            flow_to(at + 1, state);
    }

    std::span<const bpf_insn> program_;
    std::vector<State> states_;
    std::vector<bool> reached_;
    std::vector<std::size_t> work_;
    Values verdicts_;
};

} // namespace

std::optional<std::set<std::int32_t>> possible_verdicts(std::span<const bpf_insn> program) {
    return Analysis(program).run();
}

bool all_pass(bpf_prog_type type, const std::set<std::int32_t>& verdicts) {
    return std::all_of(verdicts.begin(), verdicts.end(), [&](std::int32_t verdict) {
        if (type == BPF_PROG_TYPE_XDP)
            return verdict == XDP_PASS;
        return verdict == TC_ACT_UNSPEC || verdict == TC_ACT_OK || verdict == TC_ACT_RECLASSIFY ||
               verdict == TC_ACT_PIPE;
    });
}

std::string verdict_problem(const Manifest& manifest, const ProgramInfo& program) {
    if (manifest.may_drop || program.hand_over)
        return "";
    if (!program.verdicts)
        return "program '" + program.name + "' computes its verdict, so it might drop packets";
    if (all_pass(program.type, *program.verdicts))
        return "";
    std::string list;
    for (const std::int32_t verdict : *program.verdicts)
        list += (list.empty() ? "" : ", ") + std::to_string(verdict);
    return "program '" + program.name + "' may return " + list +
           ", not all of which let the packet pass";
}

} // namespace dynmon
