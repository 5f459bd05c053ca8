// Running totals of a metric's series, pinned, so that OpenMetrics counters never go back when
// the map behind them is swapped, emptied or replaced.
#pragma once

#include <cstdint>
#include <string>

#include "base/fd.hpp"
#include "export/openmetrics.hpp"

namespace dynmon {

// A hash map: bytes of the label fields → the id of the last window that was added, and one u64
// (or the bits of a double) per series.
class Totals {
public:
    // Opens the pin at `path`, or makes it with room for the metric's max_series. A map whose
    // layout is another (the metric was redefined) is replaced by an empty one.
    static Totals open(const std::string& path, const SeriesTable& shape);
    // Nothing when there is none, or one of another shape; what is added to it then is lost.
    static Totals open_existing(const std::string& path, const SeriesTable& shape);

    // Adds a window's series. `window` tells it from the one before: a window that was added
    // already, entirely or in part, by a process that was killed, is not added twice.
    // Returns how many series found no more room.
    std::uint64_t fold(std::uint64_t window, const SeriesTable& table) const;
    void add_to(SeriesTable& table) const; // counters and everything that adds up

private:
    explicit Totals(Fd map) : map_(std::move(map)) {}
    Fd map_; // empty: no totals
};

// File name of a metric's totals in the monitor's directory.
std::string totals_name(Direction direction, const std::string& metric);

} // namespace dynmon
