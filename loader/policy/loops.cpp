// SPDX-License-Identifier: BSD-2-Clause
#include "policy/loops.hpp"

#include <algorithm>
#include <map>

namespace dynmon::policy {

namespace {

// Tarjan's algorithm, without recursion: programs are long.
class Tarjan {
public:
    Tarjan(const std::set<std::size_t>& nodes, const Successors& successors)
        : nodes_(nodes), successors_(successors) {
        for (const std::size_t node : nodes)
            if (!marks_.contains(node))
                walk_from(node);
    }
    std::vector<Component> take() { return std::move(found_); }

private:
    struct Mark {
        std::size_t order = 0;
        std::size_t low = 0;
        bool open = true;
    };
    struct Step {
        std::size_t node;
        std::vector<std::size_t> next;
        std::size_t done = 0;
    };

    void open(std::size_t node) {
        marks_[node] = {marks_.size(), marks_.size()};
        open_.push_back(node);
        way_.push_back({node, successors_(node)});
    }

    void walk_from(std::size_t first) {
        open(first);
        while (!way_.empty()) {
            Step& step = way_.back();
            Mark& mark = marks_[step.node];
            if (step.done < step.next.size()) {
                const std::size_t next = step.next[step.done++];
                if (!nodes_.contains(next))
                    continue;
                const auto known = marks_.find(next);
                if (known == marks_.end())
                    open(next);
                else if (known->second.open)
                    mark.low = std::min(mark.low, known->second.order);
                continue;
            }
            const std::size_t node = step.node;
            if (mark.low == mark.order)
                close(node);
            const std::size_t low = mark.low;
            way_.pop_back();
            if (!way_.empty())
                marks_[way_.back().node].low = std::min(marks_[way_.back().node].low, low);
        }
    }

    void close(std::size_t root) {
        Component component;
        std::size_t node = 0;
        do {
            node = open_.back();
            open_.pop_back();
            marks_[node].open = false;
            component.nodes.push_back(node);
        } while (node != root);
        const std::vector<std::size_t> next = successors_(root);
        component.cycle =
            component.nodes.size() > 1 || std::find(next.begin(), next.end(), root) != next.end();
        found_.push_back(std::move(component));
    }

    const std::set<std::size_t>& nodes_;
    const Successors& successors_;
    std::map<std::size_t, Mark> marks_;
    std::vector<std::size_t> open_;
    std::vector<Step> way_;
    std::vector<Component> found_;
};

} // namespace

std::vector<Component> components(const std::set<std::size_t>& nodes,
                                  const Successors& successors) {
    return Tarjan(nodes, successors).take();
}

} // namespace dynmon::policy

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
