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

namespace dynmon {

namespace {

constexpr std::size_t register_count = 11;
constexpr std::uint32_t most_known = 8; // rests are told apart up to this power of two
constexpr std::size_t most_maps = 64;   // a bit each
constexpr std::size_t most_steps = 4'000'000;
constexpr std::uint8_t atomic_mode = 0xc0; // BPF_ATOMIC, which older headers call BPF_XADD
constexpr std::int32_t load_acquire = 0x100;

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

Number rest_of(std::int64_t value, std::uint32_t modulus) {
    return {false, value & static_cast<std::int64_t>(modulus - 1), modulus};
}

Number joined(const Number& a, const Number& b) {
    if (a == b)
        return a;
    std::uint32_t modulus = std::min(a.modulus, b.modulus);
    while (a.rest(modulus) != b.rest(modulus))
        modulus /= 2;
    return rest_of(a.value, modulus);
}

std::int64_t wrapped(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

Number sum(const Number& a, const Number& b, bool minus) {
    const auto x = static_cast<std::uint64_t>(a.value);
    const auto y = static_cast<std::uint64_t>(b.value);
    const std::int64_t value = wrapped(minus ? x - y : x + y);
    return a.exact && b.exact ? Number::of(value) : rest_of(value, std::min(a.modulus, b.modulus));
}

Number product(const Number& a, const Number& b) {
    const std::int64_t value =
        wrapped(static_cast<std::uint64_t>(a.value) * static_cast<std::uint64_t>(b.value));
    if (a.exact && b.exact)
        return Number::of(value);
    // What is not known of one is multiplied by the other.
    const auto reach = [](const Number& unknown, const Number& by) -> std::uint32_t {
        if (unknown.exact)
            return most_known;
        const std::uint64_t factor = by.exact && by.value != 0
                                         ? static_cast<std::uint64_t>(by.value)
                                         : (by.exact ? most_known : 1);
        return static_cast<std::uint32_t>(
            std::min<std::uint64_t>(most_known, unknown.modulus * (factor & (~factor + 1))));
    };
    const std::uint32_t modulus = std::min(reach(a, b), reach(b, a));
    if (!a.exact && !b.exact)
        return rest_of(value, std::min(a.modulus, b.modulus));
    return rest_of(value, modulus);
}

// The lowest bits that are known of both, or that `and` makes 0.
Number masked(const Number& a, const Number& b) {
    if (a.exact && b.exact)
        return Number::of(a.value & b.value);
    std::uint32_t modulus = 1;
    while (modulus < most_known) {
        const auto known = [&](const Number& n) { return n.exact || n.modulus > modulus; };
        const auto zero = [&](const Number& n) { return known(n) && (n.value & modulus) == 0; };
        if (!(known(a) && known(b)) && !zero(a) && !zero(b))
            break;
        modulus *= 2;
    }
    return rest_of(a.value & b.value, modulus);
}

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

Abstract joined(const Abstract& a, const Abstract& b) {
    Abstract both;
    both.values = a.values | b.values;
    both.maps = a.maps | b.maps;
    both.stack = a.stack || b.stack;
    both.untraced = a.untraced || b.untraced;
    both.function = a.function ? a.function : b.function;
    // A pointer that may be null is one: a program cannot write through null.
    both.number = a.pointer() == b.pointer() ? joined(a.number, b.number)
                  : a.pointer()              ? a.number
                                             : b.number;
    return both;
}

struct TraceState {
    std::array<Abstract, register_count> registers;
    std::map<std::int64_t, Abstract> stack; // by offset; only what is worth knowing

    bool operator==(const TraceState&) const = default;

    bool join(const TraceState& other) {
        const TraceState before = *this;
        for (std::size_t i = 0; i < register_count; ++i)
            registers[i] = joined(registers[i], other.registers[i]);
        for (const auto& [offset, place] : other.stack) {
            const auto [mine, fresh] = stack.try_emplace(offset, place);
            if (!fresh)
                mine->second = joined(mine->second, place);
        }
        return !(*this == before);
    }
};

struct Target {
    Abstract what;
    std::optional<std::size_t> call; // where a call of it goes
};

// All executable sections, one behind the other, with what their relocations refer to.
class Code {
public:
    Code(const ElfFile& elf, const std::vector<std::string>& maps) : elf_(elf), maps_(maps) {
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
        for (const ElfRelocation& relocation : elf.relocations())
            if (begin_.count(relocation.section) == 1)
                resolve(relocation);
    }

    std::optional<std::size_t> entry(std::string_view program) const {
        for (const ElfSymbol& symbol : elf_.symbols())
            if (symbol.type == STT_FUNC && symbol.name == program &&
                begin_.count(symbol.section) == 1)
                return place(symbol.section, symbol.value);
        return std::nullopt;
    }

    // Where the function begins that has this instruction.
    std::size_t function_of(std::size_t at) const {
        const auto next = functions.upper_bound(at);
        return next == functions.begin() ? 0 : *std::prev(next);
    }

    std::vector<bpf_insn> instructions;
    std::map<std::size_t, Target> targets; // by the instruction that is relocated
    std::set<std::size_t> functions;

private:
    std::size_t place(std::uint32_t section, std::uint64_t offset) const {
        return begin_.at(section) + offset / sizeof(bpf_insn);
    }

    std::uint64_t bit_of(std::string_view map) const {
        const auto found = std::find(maps_.begin(), maps_.end(), map);
        const auto index = static_cast<std::size_t>(found - maps_.begin());
        return found == maps_.end() || index >= most_maps ? 0 : std::uint64_t{1} << index;
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
    const std::vector<std::string>& maps_;
    std::map<std::uint32_t, std::size_t> begin_;
};

class Tracing {
public:
    Tracing(const Code& code, const std::vector<std::string>& maps) : code_(code), maps_(maps) {
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
            return compute(insn, state);
        case BPF_LD:
            return load_constant(at, state);
        case BPF_LDX:
            state.registers[insn.dst_reg] =
                BPF_SIZE(insn.code) == BPF_DW && BPF_MODE(insn.code) == BPF_MEM
                    ? loaded(state.registers[insn.src_reg], insn.off, state)
                    : Abstract{};
            return;
        case BPF_STX:
            if (BPF_MODE(insn.code) == atomic_mode)
                return change(insn, state);
            return store(insn, state.registers[insn.src_reg], state);
        default:
            return store(insn, Abstract{}, state);
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

    static void compute(const bpf_insn& insn, TraceState& state) {
        Abstract& target = state.registers[insn.dst_reg];
        const bool wide = BPF_CLASS(insn.code) == BPF_ALU64;
        const auto operation = BPF_OP(insn.code);
        Abstract source;
        if (BPF_SRC(insn.code) == BPF_X)
            source = state.registers[insn.src_reg];
        else
            source.number = Number::of(insn.imm);
        if (operation == BPF_MOV && wide && insn.off == 0) {
            target = source;
            return;
        }
        if (wide && (operation == BPF_ADD || operation == BPF_SUB)) {
            const bool minus = operation == BPF_SUB;
            if (target.pointer() && source.pointer()) {
                if (!minus) // one of them is only known to perhaps be a pointer
                    target.untraced = true;
                target.number = {};
                return;
            }
            const Number number = sum(target.number, source.number, minus);
            if (source.pointer())
                target = source;
            target.number = number;
            return;
        }
        Number number;
        const Number& a = target.number;
        const Number& b = source.number;
        if (operation == BPF_MOV && insn.off == 0)
            number = b;
        else if (operation == BPF_ADD || operation == BPF_SUB)
            number = sum(a, b, operation == BPF_SUB);
        else if (operation == BPF_MUL)
            number = product(a, b);
        else if (operation == BPF_LSH && b.exact)
            number = product(a, Number::of(wrapped(std::uint64_t{1} << (b.value & 63))));
        else if (operation == BPF_AND)
            number = masked(a, b);
        else if (operation == BPF_RSH && wide && a.exact && b.exact)
            number = Number::of(wrapped(static_cast<std::uint64_t>(a.value) >> (b.value & 63)));
        if (!wide && number.exact)
            number = Number::of(static_cast<std::uint32_t>(number.value));
        target = {};
        target.number = number;
    }

    static std::optional<std::int64_t> stack_offset(const Abstract& pointer, std::int16_t offset) {
        if (!pointer.stack || !pointer.number.exact)
            return std::nullopt;
        return pointer.number.value + offset;
    }

    static Abstract loaded(const Abstract& pointer, std::int16_t offset, const TraceState& state) {
        Abstract result;
        if (const auto at = stack_offset(pointer, offset)) {
            const auto found = state.stack.find(*at);
            if (found != state.stack.end())
                result = found->second;
        } else if (pointer.stack) {
            for (const auto& [place, content] : state.stack)
                result.untraced = result.untraced || content.pointer();
        }
        // The stack of a caller, which may keep a pointer. Values and packets keep none.
        result.untraced = result.untraced || pointer.untraced;
        return result;
    }

    static void store(const bpf_insn& insn, const Abstract& what, TraceState& state) {
        const auto at = stack_offset(state.registers[insn.dst_reg], insn.off);
        if (!at)
            return;
        constexpr std::array<int, 4> sizes{4, 2, 1, 8}; // W, H, B, DW
        const int size = sizes[BPF_SIZE(insn.code) >> 3];
        for (std::int64_t place = *at - 7; place < *at + size; ++place)
            state.stack.erase(place);
        if (size == 8 && (what.pointer() || what.maps != 0))
            state.stack[*at] = what;
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
        for (std::size_t i = 0; i < std::min(maps_.size(), most_maps); ++i) {
            access.map = maps_[i];
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

    // Of another function's stack nothing is known.
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
    const std::vector<std::string>& maps_;
    std::set<std::size_t> meets_; // where paths meet, and calls
    std::map<std::size_t, TraceState> states_;
    std::set<std::size_t> work_;
    std::map<std::size_t, Abstract> results_;
    std::map<std::size_t, std::set<std::size_t>> callers_;
    std::vector<AtomicAccess> found_;
    std::size_t steps_ = 0;
};

} // namespace

std::vector<AtomicAccess> atomic_accesses(const ElfFile& elf, std::string_view program,
                                          const std::vector<std::string>& maps) {
    const Code code(elf, maps);
    const auto entry = code.entry(program);
    return entry ? Tracing(code, maps).run(*entry) : std::vector<AtomicAccess>{};
}

} // namespace dynmon
