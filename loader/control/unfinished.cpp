// SPDX-License-Identifier: BSD-2-Clause
#include "control/unfinished.hpp"

namespace dynmon {

std::optional<UnfinishedWindow> unfinished_window(const MonitorState& state,
                                                  const Manifest& manifest) {
    UnfinishedWindow window{.sequence = state.pending_sequence, .metrics = ""};
    std::uint64_t bit = 1;
    for (const PathConfig& path : manifest.paths)
        for (const MetricConfig& metric : path.metrics) {
            if ((state.pending & state.begun & bit) != 0)
                window.metrics += (window.metrics.empty() ? "'" : ", '") + metric.name + "' (" +
                                  to_string(path.direction) + ")";
            bit <<= 1;
        }
    if (window.metrics.empty())
        return std::nullopt;
    return window;
}

std::string describe(const UnfinishedWindow& window) {
    return "window " + std::to_string(window.sequence) + " of " + window.metrics +
           " was not read to its end";
}

} // namespace dynmon
