// SPDX-License-Identifier: BSD-2-Clause
#include "policy/state.hpp"

#include <algorithm>

namespace dynmon::policy {

namespace {

template <typename T>
bool join_known(std::optional<T>& mine, const std::optional<T>& other) {
    if (!mine || mine == other)
        return false;
    mine.reset();
    return true;
}

// The result of an operation on two numbers; nullopt: it is not worked out here.
std::optional<std::uint64_t> result(std::uint8_t operation, bool wide, std::uint64_t a,
                                    std::uint64_t b) {
    if (!wide) {
        a = static_cast<std::uint32_t>(a);
        b = static_cast<std::uint32_t>(b);
    }
    const std::uint64_t shift = b & (wide ? 63 : 31);
    std::uint64_t value = 0;
    switch (operation) {
    case BPF_ADD:
        value = a + b;
        break;
    case BPF_SUB:
        value = a - b;
        break;
    case BPF_MUL:
        value = a * b;
        break;
    case BPF_AND:
        value = a & b;
        break;
    case BPF_OR:
        value = a | b;
        break;
    case BPF_XOR:
        value = a ^ b;
        break;
    case BPF_LSH:
        value = a << shift;
        break;
    case BPF_RSH:
        value = a >> shift;
        break;
    case BPF_ARSH:
        value = wide ? static_cast<std::uint64_t>(static_cast<std::int64_t>(a) >> shift)
                     : static_cast<std::uint32_t>(static_cast<std::int32_t>(a) >> shift);
        break;
    case BPF_NEG:
        value = 0 - a;
        break;
    default:
        return std::nullopt;
    }
    return wide ? value : static_cast<std::uint32_t>(value);
}

bool holds(std::uint8_t operation, bool wide, std::uint64_t a, std::uint64_t b) {
    if (!wide) {
        a = static_cast<std::uint32_t>(a);
        b = static_cast<std::uint32_t>(b);
    }
    const auto sign = [&](std::uint64_t number) {
        return wide ? static_cast<std::int64_t>(number)
                    : std::int64_t{static_cast<std::int32_t>(number)};
    };
    switch (operation) {
    case BPF_JEQ:
        return a == b;
    case BPF_JNE:
        return a != b;
    case BPF_JSET:
        return (a & b) != 0;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    case BPF_JLT:
        return a < b;
    case BPF_JLE:
        return a <= b;
    case BPF_JSGT:
        return sign(a) > sign(b);
    case BPF_JSGE:
        return sign(a) >= sign(b);
    case BPF_JSLT:
        return sign(a) < sign(b);
    default:
        return sign(a) <= sign(b); // BPF_JSLE
    }
}

bool is_wide_jump(const bpf_insn& insn) {
    return BPF_CLASS(insn.code) == BPF_JMP;
}

std::uint64_t immediate(const bpf_insn& insn) {
    return static_cast<std::uint64_t>(std::int64_t{insn.imm});
}

bool has_32_bits(const Value& value) {
    return value.is_only(kind::slot) || value.is_only(kind::verdict);
}

// Whether an instruction is one of those by which compilers extend a number of 32 bits, without
// instructions for that: a mask (bpf-gcc 12), or a shift to the left and one back.
bool is_extension(std::uint8_t operation, bool wide, const Value& target, std::uint64_t by) {
    switch (operation) {
    case BPF_AND:
        return has_32_bits(target) && static_cast<std::uint32_t>(by) == UINT32_MAX;
    case BPF_LSH:
        return wide && target.is_only(kind::verdict) && by == 32;
    case BPF_RSH:
    case BPF_ARSH:
        return wide && target.is_only(kind::verdict_above) && by == 32;
    default:
        return false;
    }
}

Value extended(std::uint8_t operation, const Value& target) {
    Value value = target;
    if (operation != BPF_AND)
        value.kinds = operation == BPF_LSH ? kind::verdict_above : kind::verdict;
    return value;
}

// What adding a number to a pointer, or the other way round, leaves of both.
Value moved(const Value& target, const Value& source, bool minus) {
    Value sum = target;
    if (!target.may_be(kind::pointers)) {
        sum = source;
        if (minus)
            return Value::any(); // a number less a pointer points nowhere
    } else if (source.may_be(kind::pointers)) {
        // The difference of two pointers, or a sum of which one is only perhaps a pointer.
        if (!minus)
            sum.join(source);
        sum.join(Value::any());
        sum.offset.reset();
        return sum;
    }
    const Value& by = target.may_be(kind::pointers) ? source : target;
    const auto distance = by.constant();
    if (sum.offset && distance)
        sum.offset = static_cast<std::int64_t>(static_cast<std::uint64_t>(*sum.offset) +
                                               (minus ? 0 - *distance : *distance));
    else
        sum.offset.reset();
    sum.numbers.reset();
    sum.kinds =
        static_cast<std::uint16_t>(sum.kinds & ~(kind::slot | kind::verdict | kind::verdict_above));
    if (target.may_be(static_cast<std::uint16_t>(~kind::pointers)) &&
        source.may_be(static_cast<std::uint16_t>(~kind::pointers)))
        sum.kinds |= kind::number;
    return sum;
}

} // namespace

Value Value::of(std::uint64_t number) {
    return of_numbers({number});
}

Value Value::of_numbers(std::vector<std::uint64_t> numbers) {
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    Value value;
    if (numbers.size() <= most_numbers)
        value.numbers = std::move(numbers);
    return value;
}

Value Value::pointer(std::uint16_t kinds) {
    Value value;
    value.kinds = kinds;
    value.offset = 0;
    return value;
}

Value Value::pointer_or_null(std::uint16_t kinds) {
    Value value = of(0);
    value.kinds |= kinds;
    value.offset = 0;
    return value;
}

std::optional<std::uint64_t> Value::constant() const {
    if (kinds != kind::number || !numbers || numbers->size() != 1)
        return std::nullopt;
    return numbers->front();
}

bool Value::join(const Value& other) {
    bool more = (other.kinds & ~kinds) != 0;
    if (other.may_be(kind::number)) {
        if (!may_be(kind::number)) {
            numbers = other.numbers;
        } else if (numbers && !other.numbers) {
            numbers.reset();
            more = true;
        } else if (numbers) {
            const std::size_t before = numbers->size();
            std::vector<std::uint64_t> all = *numbers;
            all.insert(all.end(), other.numbers->begin(), other.numbers->end());
            numbers = of_numbers(std::move(all)).numbers;
            more = more || !numbers || numbers->size() != before;
        }
    }
    if (other.may_be(kind::pointers)) {
        if (!may_be(kind::pointers)) {
            offset = other.offset;
            frame = other.frame;
            function = other.function;
            map = other.map;
        } else {
            more = join_known(offset, other.offset) || more;
            // `frame` says nothing of a pointer that is none of the stack; and so on.
            const auto join_part = [&](auto& mine, const auto& theirs, std::uint16_t part) {
                if (!other.may_be(part))
                    return;
                if (!may_be(part))
                    mine = theirs;
                else
                    more = join_known(mine, theirs) || more;
            };
            join_part(frame, other.frame, kind::stack);
            join_part(function, other.function, kind::function);
            join_part(map, other.map, kind::map | kind::map_value);
        }
    }
    kinds |= other.kinds;
    return more;
}

Value computed(const bpf_insn& insn, const Value& target, const Value& source) {
    const bool wide = BPF_CLASS(insn.code) == BPF_ALU64;
    const std::uint8_t operation = BPF_OP(insn.code);
    const bool either = target.may_be(kind::pointers) || source.may_be(kind::pointers);
    if (wide && either && (operation == BPF_ADD || operation == BPF_SUB))
        return moved(target, source, operation == BPF_SUB);
    if (const auto by = source.constant(); by && is_extension(operation, wide, target, *by))
        return extended(operation, target);
    const bool one = operation == BPF_NEG; // has no source
    if (target.kinds != kind::number || !target.numbers || insn.off != 0 ||
        (!one && (source.kinds != kind::number || !source.numbers)))
        return Value::any();
    std::vector<std::uint64_t> results;
    for (const std::uint64_t a : *target.numbers) {
        if (one)
            results.push_back(*result(operation, wide, a, 0));
        for (std::size_t i = 0; !one && i < source.numbers->size(); ++i) {
            const auto value = result(operation, wide, a, (*source.numbers)[i]);
            if (!value)
                return Value::any();
            results.push_back(*value);
        }
    }
    return Value::of_numbers(std::move(results));
}

Value copied(const bpf_insn& insn, const Value& source) {
    if (insn.off != 0) // with a sign
        return Value::any();
    if (BPF_CLASS(insn.code) == BPF_ALU64 || has_32_bits(source))
        return source;
    if (source.kinds != kind::number || !source.numbers)
        return Value::any();
    std::vector<std::uint64_t> halves;
    for (const std::uint64_t number : *source.numbers)
        halves.push_back(static_cast<std::uint32_t>(number));
    return Value::of_numbers(std::move(halves));
}

Ways ways_of(const bpf_insn& insn, const Value& target, const Value& source) {
    if (target.kinds != kind::number || source.kinds != kind::number || !target.numbers ||
        !source.numbers)
        return {};
    Ways ways{.taken = false, .not_taken = false};
    for (const std::uint64_t a : *target.numbers)
        for (const std::uint64_t b : *source.numbers)
            (holds(BPF_OP(insn.code), is_wide_jump(insn), a, b) ? ways.taken : ways.not_taken) =
                true;
    return ways;
}

Value narrowed(const bpf_insn& insn, const Value& target, bool taken) {
    if (BPF_SRC(insn.code) != BPF_K)
        return target;
    const std::uint8_t operation = BPF_OP(insn.code);
    const bool wide = is_wide_jump(insn);
    const bool same = (operation == BPF_JEQ && taken) || (operation == BPF_JNE && !taken);
    const bool differs = (operation == BPF_JEQ && !taken) || (operation == BPF_JNE && taken);
    Value rest = target;
    if (wide && same && (target.is_only(kind::number) || insn.imm == 0) &&
        target.may_be(kind::number))
        return Value::of(immediate(insn)); // no pointer is 0
    if (target.may_be(kind::number) && target.numbers) {
        std::erase_if(*rest.numbers, [&](std::uint64_t number) {
            return holds(operation, wide, number, immediate(insn)) != taken;
        });
        // A pointer that may be null, and is not.
        if (rest.numbers->empty() && wide && differs && insn.imm == 0 &&
            rest.may_be(kind::pointers)) {
            rest.kinds = static_cast<std::uint16_t>(rest.kinds & ~kind::number);
            rest.numbers.reset();
        } else if (rest.numbers->empty()) {
            return target;
        }
    }
    return rest;
}

} // namespace dynmon::policy

namespace dynmon::policy {

namespace {

Value stack_pointer(std::size_t frame) {
    Value pointer = Value::pointer(kind::stack);
    pointer.frame = frame;
    return pointer;
}

bool join_frame(Frame& mine, const Frame& other) {
    bool more = false;
    for (auto slot = mine.slots.begin(); slot != mine.slots.end(); ++slot) {
        const auto theirs = other.slots.find(slot->first);
        const bool same_place =
            theirs != other.slots.end() && theirs->second.size == slot->second.size;
        more = slot->second.value.join(same_place ? theirs->second.value : other.elsewhere) || more;
    }
    // What only the other one has.
    for (const auto& [offset, slot] : other.slots) {
        const auto [place, fresh] = mine.slots.try_emplace(offset, slot);
        if (fresh) {
            place->second.value.join(mine.elsewhere);
            if (place->second.value == mine.elsewhere)
                mine.slots.erase(place);
            else
                more = true;
        } else if (place->second.size != slot.size) {
            more = place->second.value.join(slot.value) || more;
        }
    }
    more = mine.elsewhere.join(other.elsewhere) || more;
    for (std::size_t i = 0; i < kept_registers; ++i)
        more = mine.kept[i].join(other.kept[i]) || more;
    return more;
}

} // namespace

State State::at_start() {
    State state;
    state.registers[1] = Value::pointer(kind::context);
    state.registers[10] = stack_pointer(0);
    state.frames.resize(1);
    return state;
}

std::size_t State::size() const {
    std::size_t values = register_count;
    for (const Frame& frame : frames)
        values += 1 + kept_registers + frame.slots.size();
    return values;
}

bool State::join(const State& other) {
    bool more = false;
    for (std::size_t i = 0; i < register_count; ++i)
        more = registers[i].join(other.registers[i]) || more;
    for (std::size_t i = 0; i < frames.size() && i < other.frames.size(); ++i)
        more = join_frame(frames[i], other.frames[i]) || more;
    return more;
}

std::vector<Frame*> State::frames_of(const Value& pointer) {
    std::vector<Frame*> found;
    for (std::size_t i = 0; i < frames.size(); ++i)
        if (!pointer.frame || *pointer.frame == i)
            found.push_back(&frames[i]);
    return found;
}

Value State::load(const Value& pointer, std::optional<std::int64_t> offset, unsigned size) const {
    if (pointer.frame && *pointer.frame < frames.size() && offset) {
        const Frame& frame = frames[*pointer.frame];
        const auto found = frame.slots.find(*offset);
        return found != frame.slots.end() && found->second.size == size ? found->second.value
                                                                        : frame.elsewhere;
    }
    Value all = Value::any();
    for (std::size_t i = 0; i < frames.size(); ++i) {
        if (pointer.frame && *pointer.frame != i)
            continue;
        all.join(frames[i].elsewhere);
        for (const auto& [at, slot] : frames[i].slots)
            all.join(slot.value);
    }
    return all;
}

void State::store(const Value& pointer, std::optional<std::int64_t> offset, unsigned size,
                  const Value& value) {
    const bool exact = pointer.frame && offset && pointer.is_only(kind::stack);
    for (Frame* frame : frames_of(pointer)) {
        if (!exact) {
            Value perhaps = Value::any();
            if (size == 8)
                perhaps.join(value);
            for (auto& [at, slot] : frame->slots)
                slot.value.join(perhaps);
            frame->elsewhere.join(perhaps);
            continue;
        }
        for (std::int64_t at = *offset - 7; at < *offset + static_cast<std::int64_t>(size); ++at)
            if (const auto old = frame->slots.find(at);
                old != frame->slots.end() && at + old->second.size > *offset)
                frame->slots.erase(old);
        Value kept = value;
        if (size < 8 && !value.is_only(kind::slot)) {
            kept = Value::any(); // of a pointer, only a part is left
            if (value.kinds == kind::number && value.numbers) {
                std::vector<std::uint64_t> parts;
                for (const std::uint64_t number : *value.numbers)
                    parts.push_back(number & ((std::uint64_t{1} << (size * 8)) - 1));
                kept = Value::of_numbers(std::move(parts));
            }
        }
        if (size >= 4 && !(kept == Value::any()))
            frame->slots[*offset] = {kept, size};
    }
}

void State::scrub(const Value& pointer) {
    for (Frame* frame : frames_of(pointer))
        for (auto& [at, slot] : frame->slots)
            if (!pointer.offset || at + slot.size > *pointer.offset)
                slot.value.join(Value::any());
}

void State::enter_function() {
    Frame frame;
    for (std::size_t i = 0; i < kept_registers; ++i)
        frame.kept[i] = registers[6 + i];
    forget(6, 9);
    registers[0] = Value::any();
    frames.push_back(std::move(frame));
    registers[10] = stack_pointer(frames.size() - 1);
}

void State::leave_function() {
    for (std::size_t i = 0; i < kept_registers; ++i)
        registers[6 + i] = frames.back().kept[i];
    frames.pop_back();
    forget(1, 5);
    registers[10] = stack_pointer(frames.size() - 1);
}

void State::forget(unsigned first, unsigned last) {
    for (unsigned i = first; i <= last; ++i)
        registers[i] = Value::any();
}

} // namespace dynmon::policy
