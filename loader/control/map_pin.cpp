// SPDX-License-Identifier: BSD-2-Clause
#include "control/map_pin.hpp"

#include <vector>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "control/chain_lookup.hpp"
#include "state/state.hpp"

namespace dynmon {

namespace {

const MapRecord* find_map(const GenerationRecord& record, const std::string& name) {
    if (const MapRecord* map = record.map(name))
        return map;
    for (const PathConfig& path : record.manifest.paths)
        for (const MetricConfig& metric : path.metrics)
            if (metric.name == name)
                return record.map(metric.map_name);
    return nullptr;
}

} // namespace

std::string map_pin(const Store& store, const std::string& monitor, const std::string& name) {
    store.require_monitor(monitor);
    const GenerationDir dir = current_generation(store, monitor);
    const GenerationRecord record = dir.read_record();
    const MapRecord* map = find_map(record, name);
    if (map == nullptr) {
        std::vector<std::string> known;
        std::string list;
        for (const MapRecord& other : record.maps) {
            known.push_back(other.name);
            list += (list.empty() ? "" : ", ") + other.name;
        }
        const std::string near = nearest_name(name, known);
        throw Error(ErrorKind::usage, "monitor '" + monitor + "' has no map '" + name + "'")
            .hint(near.empty() ? "its maps: " + list : "did you mean '" + near + "'?");
    }
    const Side side = map->swapped
                          ? StateMap(store.monitor_dir(monitor) + "/state").read().active_side()
                          : Side::a;
    return dir.map_path(*map, side);
}

} // namespace dynmon
