// SPDX-License-Identifier: BSD-2-Clause
#include "policy/loops.hpp"

#include <algorithm>

namespace dynmon::policy {

namespace {

constexpr std::int32_t for_each_map_elem_helper = 164;
constexpr std::int32_t loop_helper = 181;
constexpr std::int32_t user_ringbuf_drain_helper = 209;
constexpr std::uint64_t most_samples = 128 * 1024;             // BPF_MAX_USER_RINGBUF_SAMPLES
constexpr std::uint64_t most_entries = std::uint64_t{1} << 32; // of a map

Rounds unknown(std::uint64_t most) {
    return {.number = most, .known = false};
}

// For more than the most the helper returns an error and does not go round at all.
Rounds counted(const Value& value) {
    if (value.kinds != kind::number || !value.numbers)
        return unknown(Rounds::most);
    Rounds rounds;
    for (const std::uint64_t number : *value.numbers)
        rounds.number = std::max(rounds.number, number & UINT32_MAX);
    rounds.number = std::min(rounds.number, Rounds::most);
    return rounds;
}

Rounds over_map(const Value& map) {
    if (!map.is_only(kind::map) || !map.map || *map.map == Value::inner_map)
        return unknown(most_entries);
    return {.map = map.map};
}

Rounds between(const Value& start, const Value& end) {
    for (const Value* value : {&start, &end})
        if (value->kinds != kind::number || !value->numbers)
            return unknown(Rounds::most);
    const auto number = [](std::uint64_t bits) {
        return std::int64_t{static_cast<std::int32_t>(bits)};
    };
    Rounds rounds;
    for (const std::uint64_t first : *start.numbers)
        for (const std::uint64_t last : *end.numbers)
            rounds.number = std::max(rounds.number,
                                     static_cast<std::uint64_t>(
                                         std::max(number(last) - number(first), std::int64_t{0})));
    rounds.number = std::min(rounds.number, Rounds::most);
    return rounds;
}

IteratorAt iterator_at(const Value& pointer) {
    if (!pointer.is_only(kind::stack) || !pointer.frame || !pointer.offset)
        return std::nullopt;
    return std::pair(*pointer.frame, *pointer.offset);
}

void note(std::map<Place, Loops::Iterator>& iterators, const Place& place,
          const Loops::Iterator& iterator) {
    const auto [found, fresh] = iterators.try_emplace(place, iterator);
    if (fresh)
        return;
    if (found->second.at != iterator.at)
        found->second.at.reset();
    found->second.rounds.join(iterator.rounds);
}

} // namespace

void Rounds::join(const Rounds& other) {
    if (map != other.map) { // of two maps either may have more entries
        *this = unknown(most_entries);
        return;
    }
    number = std::max(number, other.number);
    known = known && other.known;
}

void Loops::note_helper(const Place& place, std::int32_t number, const State& state) {
    Rounds rounds{.number = 1}; // a timer's function, once a time
    if (number == loop_helper)
        rounds = counted(state.registers[1]);
    else if (number == for_each_map_elem_helper)
        rounds = over_map(state.registers[1]);
    else if (number == user_ringbuf_drain_helper)
        rounds = unknown(most_samples);
    const auto [found, fresh] = calls.try_emplace(place, rounds);
    if (!fresh)
        found->second.join(rounds);
}

void Loops::note_kernel_function(const Place& place, const std::string& name, const State& state) {
    const IteratorAt at = iterator_at(state.registers[1]);
    // libbpf leaves out what stands behind three underscores.
    if (name.starts_with("bpf_iter_num_new"))
        note(made, place, {at, between(state.registers[2], state.registers[3])});
    else if (name.starts_with("bpf_iter_num_next"))
        note(asked, place, {at, {}});
}

} // namespace dynmon::policy
