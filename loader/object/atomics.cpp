// SPDX-License-Identifier: BSD-2-Clause
#include "object/atomics.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <linux/bpf.h>

#include "object/elf.hpp"
#include "object/traced_code.hpp"

namespace dynmon {

namespace atomics {

namespace {

constexpr std::size_t most_steps = 4'000'000;
constexpr std::uint8_t atomic_mode = 0xc0; // BPF_ATOMIC, which older headers call BPF_XADD
constexpr std::int32_t load_acquire = 0x100;

class Tracing {
public:
    explicit Tracing(const Code& code) : code_(code) {
        const auto& insns = code.instructions;
        for (std::size_t at = 0; at < insns.size(); ++at) {
            const auto kind = BPF_CLASS(insns[at].code);
            if ((kind == BPF_JMP || kind == BPF_JMP32) && BPF_OP(insns[at].code) == BPF_CALL)
                meets_.insert(at);
            else if (kind == BPF_JMP || kind == BPF_JMP32)
                meets_.insert(target_of(at));
        }
        meets_.insert(code.functions.begin(), code.functions.end());
    }

    std::vector<AtomicAccess> run(std::size_t entry) {
        enter(entry, {});
        while (!work_.empty() && steps_ < most_steps) {
            const std::size_t at = *work_.begin();
            work_.erase(work_.begin());
            walk(at, states_.at(at));
        }
        if (!work_.empty()) // never seen; then nothing is known of what was left
            found_.push_back({.map = "", .size = 8, .offset = 0, .modulus = 1});
        return found_;
    }

private:
    std::size_t target_of(std::size_t at) const {
        const bpf_insn& insn = code_.instructions[at];
        const bool far = insn.code == (BPF_JMP32 | BPF_JA);
        return at + 1 + static_cast<std::size_t>(std::int64_t{far ? insn.imm : insn.off});
    }

    void flow_to(std::size_t at, const TraceState& state) {
        if (at >= code_.instructions.size())
            return;
        const auto [place, fresh] = states_.try_emplace(at, state);
        if (fresh || place->second.join(state))
            work_.insert(at);
    }

    // From where paths meet to where the next ones do.
    void walk(std::size_t at, TraceState state) {
        bool first = true;
        while (at < code_.instructions.size() && steps_ < most_steps) {
            if (!first && meets_.count(at) == 1) {
                flow_to(at, state);
                return;
            }
            first = false;
            ++steps_;
            const auto kind = BPF_CLASS(code_.instructions[at].code);
            if (kind == BPF_JMP || kind == BPF_JMP32) {
                if (!jump(at, state))
                    return;
                ++at;
            } else {
                step(at, state);
                at += code_.instructions[at].code == (BPF_LD | BPF_IMM | BPF_DW) ? 2 : 1;
            }
        }
    }

    void step(std::size_t at, TraceState& state) {
        const bpf_insn& insn = code_.instructions[at];
        if (insn.dst_reg >= register_count || insn.src_reg >= register_count)
            return;
        switch (BPF_CLASS(insn.code)) {
        case BPF_ALU:
        case BPF_ALU64:
            return state.compute(insn);
        case BPF_LD:
            return load_constant(at, state);
        case BPF_LDX:
            state.registers[insn.dst_reg] =
                BPF_SIZE(insn.code) == BPF_DW && BPF_MODE(insn.code) == BPF_MEM
                    ? state.loaded(state.registers[insn.src_reg], insn.off)
                    : Abstract{};
            return;
        case BPF_STX:
            if (BPF_MODE(insn.code) == atomic_mode)
                return change(insn, state);
            return state.store(insn, state.registers[insn.src_reg]);
        default:
            return state.store(insn, Abstract{});
        }
    }

    void load_constant(std::size_t at, TraceState& state) {
        const bpf_insn& insn = code_.instructions[at];
        if (BPF_MODE(insn.code) != BPF_IMM) { // of a packet, into r0
            state.registers[0] = {};
            return;
        }
        Abstract& target = state.registers[insn.dst_reg];
        target = {};
        if (const auto found = code_.targets.find(at); found != code_.targets.end()) {
            target = found->second.what;
            return;
        }
        std::uint64_t high = 0;
        if (at + 1 < code_.instructions.size())
            high = static_cast<std::uint32_t>(code_.instructions[at + 1].imm);
        target.number = Number::of(wrapped(high << 32 | static_cast<std::uint32_t>(insn.imm)));
    }

    void change(const bpf_insn& insn, TraceState& state) {
        constexpr std::array<std::uint32_t, 4> sizes{4, 2, 1, 8};
        const bool loads = insn.imm == load_acquire;
        const Abstract& pointer = state.registers[loads ? insn.src_reg : insn.dst_reg];
        const Number offset = sum(pointer.number, Number::of(insn.off), false);
        AtomicAccess access{.map = "",
                            .size = sizes[BPF_SIZE(insn.code) >> 3],
                            .offset = offset.value,
                            .modulus = offset.exact ? 0 : offset.modulus};
        for (std::size_t i = 0; i < code_.maps.size(); ++i) {
            access.map = code_.maps[i];
            if ((pointer.values >> i & 1) != 0)
                add(access);
        }
        access.map = "";
        if (pointer.untraced)
            add(access);
        state.registers[loads ? insn.dst_reg : insn.src_reg].number = {}; // may be fetched into
        if ((insn.imm & 0xf0) == 0xf0) // compare and exchange fetches into r0
            state.registers[0] = {};
    }

    void add(const AtomicAccess& access) {
        if (std::find(found_.begin(), found_.end(), access) == found_.end())
            found_.push_back(access);
    }

    // False: the path ends here. Else it goes on with the next instruction.
    bool jump(std::size_t at, TraceState& state) {
        const bpf_insn& insn = code_.instructions[at];
        switch (BPF_OP(insn.code)) {
        case BPF_EXIT:
            give_back(code_.function_of(at), state.registers[0]);
            return false;
        case BPF_CALL:
            call(at, state);
            return true;
        case BPF_JA:
            flow_to(target_of(at), state);
            return false;
        default:
            flow_to(target_of(at), state);
            return true;
        }
    }

    void give_back(std::size_t function, const Abstract& result) {
        const auto [place, fresh] = results_.try_emplace(function, result);
        const Abstract before = place->second;
        if (!fresh)
            place->second = joined(before, result);
        if (fresh || !(place->second == before))
            for (const std::size_t caller : callers_[function])
                work_.insert(caller);
    }

    // Nothing is known of another function's stack.
    static Abstract argument(Abstract what) {
        what.untraced = what.untraced || what.stack;
        what.stack = false;
        return what;
    }

    void enter(std::size_t function, const std::array<Abstract, 5>& arguments) {
        TraceState state;
        for (std::size_t i = 0; i < arguments.size(); ++i)
            state.registers[i + 1] = argument(arguments[i]);
        state.registers[10].stack = true;
        state.registers[10].number = Number::of(0);
        flow_to(function, state);
    }

    void call(std::size_t at, TraceState& state) {
        const bpf_insn& insn = code_.instructions[at];
        const auto& r = state.registers;
        Abstract result;
        if (insn.src_reg == BPF_PSEUDO_CALL) {
            const auto target = code_.targets.find(at);
            const std::size_t function =
                target != code_.targets.end() && target->second.call
                    ? *target->second.call
                    : at + 1 + static_cast<std::size_t>(std::int64_t{insn.imm});
            enter(function, {r[1], r[2], r[3], r[4], r[5]});
            callers_[function].insert(at);
            if (const auto known = results_.find(function); known != results_.end())
                result = argument(known->second);
        } else if (insn.src_reg == 0) {
            result = helper(insn.imm, r);
        }
        for (std::size_t i = 1; i <= 5; ++i)
            state.registers[i] = {};
        state.registers[0] = result;
    }

    Abstract helper(std::int32_t number, const std::array<Abstract, register_count>& r) {
        Abstract result;
        switch (number) {
        case BPF_FUNC_map_lookup_elem:
        case 195: // map_lookup_percpu_elem
        case BPF_FUNC_sk_storage_get:
        case 145: // inode_storage_get
        case 156: // task_storage_get
        case 210: // cgrp_storage_get
        case BPF_FUNC_get_local_storage:
            result.values = r[1].maps;
            result.number = Number::of(0);
            result.untraced = r[1].maps == 0; // of a map within a map
            break;
        case 164: // for_each_map_elem: the map, the key, the value, the context
            if (r[2].function) {
                Abstract value;
                value.values = r[1].maps;
                value.untraced = r[1].maps == 0;
                value.number = Number::of(0);
                enter(*r[2].function, {r[1], Abstract{}, value, r[3], Abstract{}});
            }
            break;
        case 170: // timer_set_callback: the map, the key, the value
            if (r[2].function) {
                Abstract value;
                value.values = r[1].values;
                value.untraced = r[1].untraced;
                value.number = Number::of(0);
                enter(*r[2].function, {Abstract{}, Abstract{}, value, Abstract{}, Abstract{}});
            }
            break;
        case 181: // loop: the turn, the context
        case 209: // user_ringbuf_drain: the sample, the context
            if (r[2].function)
                enter(*r[2].function, {Abstract{}, r[3], Abstract{}, Abstract{}, Abstract{}});
            break;
        default:
            break;
        }
        return result;
    }

    const Code& code_;
    std::set<std::size_t> meets_; // where paths meet, and calls
    std::map<std::size_t, TraceState> states_;
    std::set<std::size_t> work_;
    std::map<std::size_t, Abstract> results_;
    std::map<std::size_t, std::set<std::size_t>> callers_;
    std::vector<AtomicAccess> found_;
    std::size_t steps_ = 0;
};

} // namespace

} // namespace atomics

std::vector<AtomicAccess> atomic_accesses(const ElfFile& elf, std::string_view program,
                                          const std::vector<std::string>& maps) {
    const atomics::Code code(elf, program, maps);
    const auto entry = code.entry(program);
    return entry ? atomics::Tracing(code).run(*entry) : std::vector<AtomicAccess>{};
}

} // namespace dynmon
