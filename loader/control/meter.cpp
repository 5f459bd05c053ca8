// SPDX-License-Identifier: BSD-2-Clause
#include "control/meter.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/text.hpp"
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

namespace {

using Over = std::array<TakenOut, 2>; // dynmon_over of bpf/cost.h, by direction

} // namespace

std::optional<TakenOut> read_taken_out(const GenerationDir& dir, const ProgramRecord& program) {
    if (program.limit_ns == 0)
        return std::nullopt;
    const MapRecord record{.name = std::string(limit_map_name), .type = BPF_MAP_TYPE_ARRAY};
    const auto [map, facts] = dir.open_map(record, Side::a);
    require_value_size(facts, record.name, sizeof(Over));
    const std::uint32_t key = 0;
    Over over{};
    lookup_element(map, &key, over.data());
    const TakenOut& found = over.at(program.direction == Direction::egress ? 1 : 0);
    return found.since_ns == 0 ? std::nullopt : std::optional(found);
}

std::string limit_text(const TakenOut& out, std::uint64_t limit_ns) {
    return std::to_string(out.ns) + " ns a packet exceed its limit of " + std::to_string(limit_ns) +
           " ns, since " + iso_time(out.since_ns);
}

std::string limit_remedy(const std::string& monitor) {
    return "`dynmon-load replace " + monitor +
           " PROBE` lets a new one run, with --limit under another limit";
}

void require_limited(const ProgramInfo& program, std::uint64_t limit_ns) {
    if (limit_ns != 0 && !program.limited)
        throw Error(ErrorKind::usage,
                    "program '" + program.name +
                        "' cannot be held to a limit: the entry macros of its dynmon.h do not "
                        "measure it, or it has none of them")
            .hint("build the probe again with DYNMON_INGRESS and DYNMON_EGRESS of this dynmon, or "
                  "say --limit 0");
}

} // namespace dynmon
