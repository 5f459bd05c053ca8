// SPDX-License-Identifier: BSD-2-Clause
// What is said of each window that an export has stored.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "format/exporter.hpp"

namespace dynmon {

struct WindowReport {
    std::string monitor;
    Window window;
    std::uint64_t iteration = 0;
    bool repeated = false;        // a run that was killed had stored it: nothing was done
    const char* unit = "session"; // what `sessions` counts
    std::uint64_t sessions = 0;
    std::uint64_t packets = 0;
    std::vector<std::string> files;
    // Counters of what the probe has not captured that are not 0, by name.
    std::vector<std::pair<std::string, std::uint64_t>> missed;
    double read_seconds = 0; // taking the window out of the kernel
    double write_seconds = 0;
};

using ReportWindow = std::function<void(const WindowReport&)>;

} // namespace dynmon
