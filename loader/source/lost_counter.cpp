// SPDX-License-Identifier: BSD-2-Clause
#include "source/lost_counter.hpp"

#include <numeric>
#include <utility>
#include <vector>

#include "source/map_types.hpp"

namespace dynmon {

namespace {

bool is_counter(const Fd& map) {
    const MapFacts facts = map_facts(map);
    return facts.type == BPF_MAP_TYPE_PERCPU_ARRAY && facts.value_size == sizeof(std::uint64_t);
}

Fd beside_pin(const std::string& name, const std::string& pin_path) {
    const std::size_t slash = pin_path.rfind('/');
    if (slash == std::string::npos)
        return Fd();
    Fd map = try_open_pin(pin_path.substr(0, slash + 1) + name);
    return map && object_kind(map) == "bpf-map" && is_counter(map) ? std::move(map) : Fd();
}

Fd of_users(const MapFacts& ring, const std::string& name) {
    const std::string kept = name.substr(0, BPF_OBJ_NAME_LEN - 1);
    Fd found;
    for_each_user(ring.id, [&](const ProgramFacts& program) {
        for (const std::uint32_t id : program.map_ids) {
            Fd map = try_open_map(id);
            if (map && map_facts(map).name == kept && is_counter(map))
                found = std::move(map);
        }
        return static_cast<bool>(found);
    });
    return found;
}

} // namespace

LostCounter::LostCounter(const MapFacts& ring, const std::string& name,
                         const std::string& pin_path) {
    if (ring.type != BPF_MAP_TYPE_RINGBUF)
        return;
    map_ = beside_pin(name + "_lost", pin_path);
    if (!map_)
        map_ = of_users(ring, name + "_lost");
    before_ = read();
}

// Somebody may have emptied it meanwhile.
std::uint64_t LostCounter::since_last_time() {
    const std::uint64_t now = read();
    const std::uint64_t before = std::exchange(before_, now);
    return now >= before ? now - before : now;
}

std::uint64_t LostCounter::read() const {
    if (!map_)
        return 0;
    const std::uint32_t only = 0;
    std::vector<std::uint64_t> by_cpu(possible_cpus());
    lookup_element(map_, &only, by_cpu.data());
    return std::accumulate(by_cpu.begin(), by_cpu.end(), std::uint64_t{0});
}

} // namespace dynmon
