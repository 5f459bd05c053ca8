// SPDX-License-Identifier: BSD-2-Clause
#include "manifest/manifest.hpp"

namespace dynmon {

std::string place_text(std::string_view file, const Position& at) {
    std::string text(file);
    if (at.line != 0)
        text += ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
    return text;
}

std::set<std::string> Manifest::swapped_maps() const {
    std::set<std::string> names;
    for (const PathConfig& path : paths)
        for (const MetricConfig& metric : path.metrics)
            if (metric.swap_on_read)
                names.insert(metric.map_name);
    return names;
}

const PathConfig* Manifest::path(Direction direction) const {
    for (const PathConfig& candidate : paths) {
        if (candidate.direction == direction)
            return &candidate;
    }
    return nullptr;
}

} // namespace dynmon
