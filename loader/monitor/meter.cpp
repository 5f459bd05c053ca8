#include "monitor/meter.hpp"

#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "kernel/bpf.hpp"
#include "read/map_reader.hpp"

namespace dynmon {

bool set_metering(const GenerationDir& dir, const GenerationRecord& record, bool on) {
    const MapRecord* map = record.map(meter_switch_name);
    if (map == nullptr)
        return false;
    const std::uint32_t key = 0;
    const std::uint64_t value = on ? 1 : 0;
    std::uint64_t before = value;
    const Fd fd = dir.open_map(*map, Side::a);
    lookup_element(fd, &key, &before);
    if (before == value)
        return false;
    update_element(fd, &key, &value);
    return true;
}

DirectoryLock lock_for_metering(const Store& store) {
    return DirectoryLock(store.hooks_dir(), DirectoryLock::Mode::shared, store.patience());
}

bool stop_forgotten_metering(const Store& store, const GenerationDir& dir,
                             const GenerationRecord& record) {
    try {
        const DirectoryLock alone(store.hooks_dir(), DirectoryLock::Mode::exclusive, {});
        return set_metering(dir, record, false);
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::busy)
            throw;
        return false;
    }
}

std::optional<Cost> read_cost(const GenerationDir& dir, const GenerationRecord& record,
                              Direction direction) {
    const MapRecord* map = record.map(meter_map_name);
    if (map == nullptr)
        return std::nullopt;
    const Fd fd = dir.open_map(*map, Side::a);
    const std::uint32_t key = direction == Direction::egress ? 1 : 0;
    std::vector<std::byte> copies(value_bytes(map_facts(fd)));
    if (copies.size() != sizeof(Cost) * possible_cpus() || !lookup_element(fd, &key, copies.data()))
        return std::nullopt;
    Cost sum;
    for (std::size_t at = 0; at < copies.size(); at += sizeof(Cost)) {
        Cost cost;
        std::memcpy(&cost, copies.data() + at, sizeof cost);
        sum.runs += cost.runs;
        sum.ns += cost.ns;
    }
    return sum;
}

} // namespace dynmon
