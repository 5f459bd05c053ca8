// SPDX-License-Identifier: BSD-2-Clause
#include "policy/state.hpp"

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
