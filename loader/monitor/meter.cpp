#include "monitor/meter.hpp"

#include <cstring>
#include <vector>

#include "kernel/bpf.hpp"
#include "monitor/roster.hpp"
#include "read/map_reader.hpp"

namespace dynmon {

void set_metering(const Store& store, const std::string& monitor, bool on) {
    const GenerationDir dir = current_generation(store, monitor);
    const GenerationRecord record = dir.read_record();
    const MapRecord* map = record.map(meter_switch_name);
    if (map == nullptr)
        return;
    const std::uint32_t key = 0;
    const std::uint64_t value = on ? 1 : 0;
    update_element(dir.open_map(*map, Side::a), &key, &value);
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
