// SPDX-License-Identifier: BSD-2-Clause
// Reading a monitor: closing a window over all of its maps and both directions, and handing it out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "control/settings.hpp"
#include "control/window.hpp"
#include "format/exporter.hpp"
#include "state/state.hpp"
#include "state/store.hpp"

namespace dynmon {

// A reader that has a name gets each window, also when others read the monitor: see WindowLog.
struct NamedReading {
    std::string as;                          // "": none
    std::optional<std::uint64_t> keep_ns;    // windows wait for it for so long
    std::optional<std::uint64_t> keep_bytes; // and all that wait are so many: for the first reader
    bool only_waiting = false;               // no window is closed: another reader just has
    // A reader whose answers may be lost on their way says with each read up to which sequence
    // number it has them. Those windows are taken off then, and what is handed out now waits until
    // a later read says so. Unset: a window is taken off as soon as it is written out.
    std::optional<std::uint64_t> has_up_to = std::nullopt;
};

struct ReadRequest {
    std::string name;
    NamedReading named;
    std::string metric;                    // "": all
    std::optional<Direction> direction;    // unset: both
    const ExportOptions* output = nullptr; // not owned; null: ExportOptions{}
    // Not owned: gets the windows instead of the sink, each map once, whatever `output` says.
    Exporter* consumer = nullptr;
    // Not owned: a caller that reads again and again keeps it between reads; null: reads once.
    WindowClaim* claim = nullptr;
    unsigned jobs = 1; // as MapReader takes it
    bool peek = false; // change nothing: show the open window and what was not read yet
    // Not owned: where the monitor counts, for a peek whose caller has just looked at all monitors
    // (counting_places_of_all()); null: it is looked at.
    const std::vector<CountingPlace>* known_places = nullptr;
    // Called with where the monitor counts now, before anything is handed out; unset: not called.
    std::function<void(const std::vector<CountingPlace>&)> places;
    // Called when everything is open that capabilities are needed for, and before anything is read
    // that programs have written; unset: nothing to do.
    std::function<void()> opened;

    // OpenMetrics shows totals and what is in the maps: the windows are for readers of the others.
    bool exposes() const;
    // Whether a window that is handed out leaves the kernel.
    bool takes() const { return !peek && !exposes(); }
    bool is_named() const { return !peek && !named.as.empty(); }
};

// What a killed verb left half done takes rights to finish that this process has given up.
class NeedsRepair : public Error {
public:
    explicit NeedsRepair(const Error& cause) : Error(cause) {}
};

// All of read_monitor() that needs capabilities, and what it finds wrong before it reads: what was
// interrupted is finished, the consumer hears which metrics will come. Hands out nothing.
void prepare_read(const Settings& settings, const ReadRequest& request);

// Writes what the request asks for to `sink`, or hands it to the consumer, window by window, oldest
// first. A window is emptied only after it has been written out whole; a reader that is killed
// before that leaves it to the next one, under the same sequence number. Throws Error{usage} for an
// unknown monitor or metric, LockHeld{busy} when another reader is at work on this monitor,
// Error{busy} when another reader takes its windows for as long as it runs, NeedsRepair.
void read_monitor(const Settings& settings, const ReadRequest& request, Sink& sink);

// What is asked for is checked here before anything is taken out of a map.

// The request's output for `selected`. Throws Error{usage} when its shape does not fit the fields
// of each, and of what replaced generations left to be read.
ExportOptions checked_output(const Store& store, const ReadRequest& request,
                             const std::vector<const MetricSource*>& selected);

// For npy: an array has no place for a second window, which may even have other columns. Throws
// Error{usage} when an earlier one has not been read yet.
void require_one_window(const Store& store, const ReadRequest& request, const MonitorState& state,
                        const std::vector<const MetricSource*>& selected);

// Which metrics of a monitor a read is about.

bool wants(const ReadRequest& request, const MetricSource& source);

// Those of `sources` that the request wants; they point into it. Throws Error{usage} with the names
// that there are when it is none.
std::vector<const MetricSource*> select(const std::vector<MetricSource>& sources,
                                        const ReadRequest& request);

} // namespace dynmon
