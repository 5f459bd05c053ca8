// SPDX-License-Identifier: BSD-2-Clause
// The metrics of a generation as things to read, and what a replaced generation leaves to be read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/logged_metrics.hpp"
#include "format/exporter.hpp"
#include "state/generation.hpp"
#include "state/state.hpp"

namespace dynmon {

// One metric of a generation, ready to be printed.
struct MetricSource {
    std::size_t index = 0; // in the manifest: ingress metrics first
    MetricView view;
    MapRecord map;
    bool swap = false;
    bool empty = false; // what is read is taken out (queues always)

    bool consumed() const { return swap || empty; }
    std::uint64_t bit() const { return std::uint64_t{1} << index; }
};

// The metrics of a generation whose maps are still pinned, with layouts from its own BTF.
std::vector<MetricSource> metric_sources(const GenerationDir& dir, const GenerationRecord& record);
std::vector<MetricSource> metric_sources(GenerationMaps& maps, const GenerationRecord& record);

// The same of a window that waits for named readers, whose maps may be gone.
std::vector<MetricSource> logged_sources(const GenerationDir& dir, const GenerationRecord& record,
                                         const std::vector<LoggedMetric>& metrics);

struct MapContent {
    std::string path;
    std::uint32_t id = 0;
    bool unread = false; // of a metric, and something is in it
};
// The maps of a generation that are still pinned.
std::vector<MapContent> map_contents(const GenerationDir& dir, const GenerationRecord& record);

// What `old` still holds is the monitor's last window before `current`: notes that it ended at
// `ended_ns`, lets go of maps that `current` goes on with, and moves the state on to the metrics of
// `current`, whose first window begins where that one ended.
// May be repeated: the first end holds. Returns false when nothing is left to read.
bool retire(const GenerationDir& old, const GenerationRecord& old_record,
            const GenerationDir& current, const StateMap& state, std::uint64_t ended_ns);

} // namespace dynmon
