// SPDX-License-Identifier: BSD-2-Clause
// What an export knows of its past: what .dynmon-export.json says of how far the exports into a
// folder have come, which packets the probe missed, and what is reported at the end.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "export/fields.hpp"
#include "format/exporter.hpp"
#include "format/rows.hpp"

namespace dynmon {

// What an export reports of each window that it has stored.

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

// Adds up what a probe says it has not captured: every number of a metric called …_missed.

class MissedCounters {
public:
    static bool is_one(const MetricView& metric);

    void clear() { counts_.clear(); }
    void begin(const MetricView& metric); // must outlive add()
    void add(const Batch& batch);
    // Those that are not 0, by name.
    std::vector<std::pair<std::string, std::uint64_t>> counts() const;

private:
    std::uint64_t& count(const std::string& name);

    std::vector<std::pair<std::string, Field>> fields_;
    std::optional<Rows> rows_;
    std::vector<std::pair<std::string, std::uint64_t>> counts_;
};

struct ExportState {
    struct Stored { // the last window of a monitor
        std::uint64_t sequence = 0;
        std::uint64_t to_ns = 0;
    };
    struct Appended { // rows that go behind what a file has
        std::uint64_t at = 0;
        std::string header;
    };

    std::uint64_t next = 0; // iteration
    std::map<std::string, Stored> windows;
    std::map<std::string, Appended> appended; // of the window that was stored last

    // Believes no more than what dynmon writes: names of monitors and of files in this folder,
    // numbers. Throws Error{rejected} "PATH is damaged: …", and Error{unsupported} for the state of
    // another version.
    static ExportState parse(std::string_view text, const std::string& path);
    std::string text() const;
};

// Larger numbers of iterations are no numbers of ours, and have none behind them.
inline constexpr std::uint64_t most_iterations = std::uint64_t{1} << 53;

} // namespace dynmon
