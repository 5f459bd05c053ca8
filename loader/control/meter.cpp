// SPDX-License-Identifier: BSD-2-Clause
#include "control/meter.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "kernel/bpf.hpp"
#include "object/object.hpp"
#include "source/map_reader.hpp"

namespace dynmon {

namespace {

// What struct dynmon_cost was before it kept the worst.
constexpr std::size_t average_only = 2 * sizeof(std::uint64_t);

} // namespace

namespace {

struct Switch {
    Fd map;
    std::uint64_t value = 0;
};

// Nothing: the generation has none.
std::optional<Switch> find_switch(const GenerationDir& dir, const GenerationRecord& record) {
    const MapRecord* map = record.map(meter_switch_name);
    if (map == nullptr)
        return std::nullopt;
    const std::uint32_t key = 0;
    auto [fd, facts] = dir.open_map(*map, Side::a);
    Switch found{std::move(fd)};
    require_value_size(facts, meter_switch_name, sizeof found.value);
    lookup_element(found.map, &key, &found.value);
    return found;
}

// Calls `body` unless another process measures. False: one does, or `body` says so.
template <typename Body>
bool if_forgotten(const Store& store, Body&& body) {
    try {
        const DirectoryLock alone(store.hooks_dir(), DirectoryLock::Mode::exclusive, no_patience());
        return body();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::busy)
            throw;
        return false;
    }
}

} // namespace

bool set_metering(const GenerationDir& dir, const GenerationRecord& record, bool on) {
    const auto found = find_switch(dir, record);
    const std::uint32_t key = 0;
    const std::uint64_t value = on ? 1 : 0;
    if (!found || found->value == value)
        return false;
    update_element(found->map, &key, &value);
    return true;
}

DirectoryLock lock_for_metering(const Store& store) {
    return DirectoryLock(store.hooks_dir(), DirectoryLock::Mode::shared, store.patience());
}

bool has_forgotten_metering(const Store& store, const GenerationDir& dir,
                            const GenerationRecord& record) {
    return if_forgotten(store, [&] {
        const auto found = find_switch(dir, record);
        return found && found->value != 0;
    });
}

bool stop_forgotten_metering(const Store& store, const GenerationDir& dir,
                             const GenerationRecord& record) {
    return if_forgotten(store, [&] { return set_metering(dir, record, false); });
}

std::optional<Cost> read_cost(const GenerationDir& dir, const GenerationRecord& record,
                              Direction direction) {
    const MapRecord* map = record.map(meter_map_name);
    if (map == nullptr)
        return std::nullopt;
    const auto [fd, facts] = dir.open_map(*map, Side::a);
    const std::uint32_t key = direction == Direction::egress ? 1 : 0;
    std::vector<std::byte> copies(value_bytes(facts));
    const std::size_t stride = copies.size() / possible_cpus();
    if (stride < average_only || !lookup_element(fd, &key, copies.data()))
        return std::nullopt;
    Cost sum;
    for (std::size_t at = 0; at + stride <= copies.size(); at += stride) {
        std::array<std::uint64_t, 3> cost{}; // as struct dynmon_cost begins
        std::memcpy(cost.data(), copies.data() + at, std::min(stride, sizeof cost));
        sum.runs += cost[0];
        sum.ns += cost[1];
        if (stride > average_only)
            sum.worst = std::max(sum.worst.value_or(0), cost[2]);
    }
    return sum;
}

} // namespace dynmon
