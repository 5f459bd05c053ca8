// SPDX-License-Identifier: BSD-2-Clause
#include "object/trace_state.hpp"

#include <algorithm>

namespace dynmon::atomics {

namespace {

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

} // namespace

std::int64_t wrapped(std::uint64_t value) {
    return static_cast<std::int64_t>(value);
}

Number sum(const Number& a, const Number& b, bool minus) {
    const auto x = static_cast<std::uint64_t>(a.value);
    const auto y = static_cast<std::uint64_t>(b.value);
    const std::int64_t value = wrapped(minus ? x - y : x + y);
    return a.exact && b.exact ? Number::of(value) : rest_of(value, std::min(a.modulus, b.modulus));
}

namespace {

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

} // namespace

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

bool TraceState::join(const TraceState& other) {
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

void TraceState::compute(const bpf_insn& insn) {
    Abstract& target = registers[insn.dst_reg];
    const bool wide = BPF_CLASS(insn.code) == BPF_ALU64;
    const auto operation = BPF_OP(insn.code);
    Abstract source;
    if (BPF_SRC(insn.code) == BPF_X)
        source = registers[insn.src_reg];
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

namespace {

std::optional<std::int64_t> stack_offset(const Abstract& pointer, std::int16_t offset) {
    if (!pointer.stack || !pointer.number.exact)
        return std::nullopt;
    return pointer.number.value + offset;
}

} // namespace

Abstract TraceState::loaded(const Abstract& pointer, std::int16_t offset) const {
    Abstract result;
    if (const auto at = stack_offset(pointer, offset)) {
        const auto found = stack.find(*at);
        if (found != stack.end())
            result = found->second;
    } else if (pointer.stack) {
        for (const auto& [place, content] : stack)
            result.untraced = result.untraced || content.pointer();
    }
    // The stack of a caller, which may keep a pointer. Values and packets keep none.
    result.untraced = result.untraced || pointer.untraced;
    return result;
}

void TraceState::store(const bpf_insn& insn, const Abstract& what) {
    const auto at = stack_offset(registers[insn.dst_reg], insn.off);
    if (!at)
        return;
    constexpr std::array<int, 4> sizes{4, 2, 1, 8}; // W, H, B, DW
    const int size = sizes[BPF_SIZE(insn.code) >> 3];
    for (std::int64_t place = *at - 7; place < *at + size; ++place)
        stack.erase(place);
    if (size == 8 && (what.pointer() || what.maps != 0))
        stack[*at] = what;
}

} // namespace dynmon::atomics
