// SPDX-License-Identifier: BSD-2-Clause
// --format and its companions, for the verbs that print entries.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "format/exporter.hpp"

namespace dynmon {

struct ExportOptions; // format/export_options.hpp
struct FormatRow;     // format/formats.hpp

struct OutputOptions {
    std::string format; // "": table
    bool raw = false;
    bool value_only = false;
    bool csv_safe = false;
    std::string u64 = "number";
    std::string where;
    std::string sort;
    std::size_t top = 0;
    std::vector<std::string> columns;
    bool rate = false;
    bool no_origin = false;
    std::vector<std::string> added; // "KEY=VALUE"
    unsigned jobs = 1;

    // `printable`: what formats of the verb have; null: it has all.
    void declare(CLI::App& app, bool FormatRow::*printable = nullptr);
    // `json`: --json stands for --format json where no other is asked for. Throws Error{usage} for
    // bytes to a terminal.
    ExportOptions options(bool json) const;
    // For the verbs that know of monitors and windows: --rate, --no-origin, --add.
    void declare_of_windows(CLI::App& app);

private:
    bool knows_windows_ = false;
    void add_origin(ExportOptions& options) const;
    void require_use(const ExportOptions& options) const;
};

// Options of their own for the verbs that print no entries.
void declare_u64(CLI::App& app, std::string& u64); // "number" or "string"
void declare_where(CLI::App& app, std::string& where, const std::string& of_what);
void declare_columns(CLI::App& app, std::vector<std::string>& columns);

// How a condition is written and what it is held against, for the end of --help.
extern const char* const condition_help;

std::uint64_t monotonic_ns(); // CLOCK_MONOTONIC

bool stop_requested(); // by a signal, while there is a StopOnSignal

// Sets a flag on SIGINT, SIGTERM and SIGHUP instead of dying, so that a window that is being
// written out is finished first; a second signal kills as usual.
class StopOnSignal {
public:
    StopOnSignal();
    ~StopOnSignal();
    // Sleeps until `deadline` (CLOCK_MONOTONIC ns) or a signal.
    void sleep_until(std::uint64_t deadline_ns) const;

private:
    bool ends_on_hangup_ = true; // false: started by nohup
};

// Calls `body` again and again, `interval` ("1s") apart and for the first time after one, `count`
// times (0: until a signal). Deadlines are on a fixed grid: the time that `body` takes does not add
// up. Throws Error{usage} naming --interval.
void repeat(const std::string& interval, std::uint64_t count, const std::function<void()>& body);

} // namespace dynmon
