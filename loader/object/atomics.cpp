#include "object/atomics.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <linux/bpf.h>

#include "object/elf.hpp"
#include "object/trace_state.hpp"

namespace dynmon {

namespace atomics {

namespace {

constexpr std::size_t most_maps = 64; // a bit each, as many as the kernel lets a program use
constexpr std::size_t most_steps = 4'000'000;
constexpr std::uint8_t atomic_mode = 0xc0; // BPF_ATOMIC, which older headers call BPF_XADD
constexpr std::int32_t load_acquire = 0x100;

struct Target {
    Abstract what;
    std::optional<std::size_t> call; // where a call of it goes
};

// All executable sections, one behind the other, with what their relocations refer to.
class Code {
public:
    Code(const ElfFile& elf, std::string_view program, const std::vector<std::string>& names)
        : elf_(elf), known_(names) {
        for (std::uint32_t i = 0; i < elf.sections().size(); ++i) {
            const ElfSection& section = elf.sections()[i];
            if (!section.executable())
                continue;
            begin_[i] = instructions.size();
            const std::size_t count = section.data.size() / sizeof(bpf_insn);
            instructions.resize(instructions.size() + count);
            if (count > 0)
                std::memcpy(&instructions[begin_[i]], section.data.data(),
                            count * sizeof(bpf_insn));
        }
        for (const ElfSymbol& symbol : elf.symbols())
            if (symbol.type == STT_FUNC && begin_.count(symbol.section) == 1)
                functions.insert(place(symbol.section, symbol.value));
        // Bits go to the maps of this program first: an object may have any number of others.
        const ElfSymbol* own = symbol_of(program);
        for (const bool of_program : {true, false})
            for (const ElfRelocation& relocation : elf.relocations())
                if (begin_.count(relocation.section) == 1 &&
                    belongs_to(relocation, own) == of_program)
                    resolve(relocation);
    }

    std::optional<std::size_t> entry(std::string_view program) const {
        const ElfSymbol* symbol = symbol_of(program);
        return symbol == nullptr ? std::nullopt
                                 : std::optional(place(symbol->section, symbol->value));
    }

    // Where the function begins that has this instruction.
    std::size_t function_of(std::size_t at) const {
        const auto next = functions.upper_bound(at);
        return next == functions.begin() ? 0 : *std::prev(next);
    }

    std::vector<std::string_view> maps; // by their bits
    std::vector<bpf_insn> instructions;
    std::map<std::size_t, Target> targets; // by the instruction that is relocated
    std::set<std::size_t> functions;

private:
    const ElfSymbol* symbol_of(std::string_view program) const {
        for (const ElfSymbol& symbol : elf_.symbols())
            if (symbol.type == STT_FUNC && symbol.name == program &&
                begin_.count(symbol.section) == 1)
                return &symbol;
        return nullptr;
    }

    std::size_t place(std::uint32_t section, std::uint64_t offset) const {
        return begin_.at(section) + offset / sizeof(bpf_insn);
    }

    // In code that it shares with others, or its own.
    bool belongs_to(const ElfRelocation& relocation, const ElfSymbol* program) const {
        return elf_.sections()[relocation.section].name == ".text" ||
               (program != nullptr && program->section == relocation.section &&
                relocation.offset >= program->value &&
                relocation.offset - program->value < program->size);
    }

    // 0: no map, or one of more than a program can use.
    std::uint64_t bit_of(std::string_view map) {
        auto found = std::find(maps.begin(), maps.end(), map);
        if (found == maps.end()) {
            if (maps.size() == most_maps ||
                std::find(known_.begin(), known_.end(), map) == known_.end())
                return 0;
            found = maps.insert(maps.end(), map);
        }
        return std::uint64_t{1} << (found - maps.begin());
    }

    void resolve(const ElfRelocation& relocation) {
        const std::size_t at = place(relocation.section, relocation.offset);
        const ElfSymbol& symbol = elf_.symbols()[relocation.symbol];
        if (at >= instructions.size() || symbol.section >= elf_.sections().size())
            return;
        const bpf_insn& insn = instructions[at];
        const ElfSection& section = elf_.sections()[symbol.section];
        Target& target = targets[at];
        if (begin_.count(symbol.section) == 1) {
            const bool is_call = insn.code == (BPF_JMP | BPF_CALL);
            const std::int64_t bytes = is_call ? (std::int64_t{insn.imm} + 1) * 8 : insn.imm;
            const std::size_t function =
                place(symbol.section, symbol.value + static_cast<std::uint64_t>(bytes));
            target.what.function = function;
            target.call = function;
            functions.insert(function);
        } else if (section.name == ".maps") {
            target.what.maps = bit_of(map_name(symbol, insn.imm));
        } else {
            target.what.values = bit_of(section.name);
            target.what.untraced = target.what.values == 0;
            target.what.number = Number::of(static_cast<std::int64_t>(symbol.value) + insn.imm);
        }
    }

    // A static map is referred to by its section and its place in it.
    std::string_view map_name(const ElfSymbol& symbol, std::int32_t offset) const {
        if (symbol.type != STT_SECTION)
            return symbol.name;
        for (const ElfSymbol& other : elf_.symbols())
            if (other.type == STT_OBJECT && other.section == symbol.section &&
                other.value == static_cast<std::uint64_t>(offset))
                return other.name;
        return "";
    }

    const ElfFile& elf_;
    const std::vector<std::string>& known_;
    std::map<std::uint32_t, std::size_t> begin_;
};

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
