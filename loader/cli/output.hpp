// --format and its companions, for the verbs that print entries.
#pragma once

#include <string>

#include <CLI/App.hpp>

#include "export/exporter.hpp"

namespace dynmon {

struct OutputOptions {
    std::string format = "table";
    bool raw = false;
    bool value_only = false;
    std::string u64 = "number";
    std::string sort;
    std::size_t top = 0;
    unsigned jobs = 1;

    void declare(CLI::App& app, const std::vector<std::string>& formats);
    // `json`: --json stands for --format json. Throws Error{usage} for bytes to a terminal.
    ExportOptions options(bool json) const;
};

// Sets a flag on SIGINT and SIGTERM instead of dying, so that a window that is being written out
// is finished first; a second signal kills as usual.
class StopOnSignal {
public:
    StopOnSignal();
    ~StopOnSignal();
    bool stopped() const;
    // Sleeps until `deadline` (CLOCK_MONOTONIC ns) or a signal.
    void sleep_until(std::uint64_t deadline_ns) const;
};

} // namespace dynmon
