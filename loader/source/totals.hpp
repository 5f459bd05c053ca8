// SPDX-License-Identifier: BSD-2-Clause
// Running totals of a metric's series, pinned, so that OpenMetrics counters never go back when
// the map behind them is swapped, emptied or replaced; and of what was lost.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "format/openmetrics.hpp"
#include "kernel/bpf.hpp"
#include "kernel/own_pin.hpp"

namespace dynmon {

// How many events found no room in a ring buffer: what DYNMON_EVENTS of bpf/dynmon.h counts, as
// the kernel does not.

class LostCounter {
public:
    // Looks for the map NAME_lost beside the pin, else among the maps of the programs that use the
    // ring. There need not be one.
    LostCounter(const MapFacts& ring, const std::string& name, const std::string& pin_path);

    // Since the call before, or since this object was made.
    std::uint64_t since_last_time();

private:
    std::uint64_t read() const;
    Fd map_; // empty: nothing counts
    std::uint64_t before_ = 0;
};

// Two maps. One has the series: bytes of the label fields → the id of the last window that changed
// it, and one u64 (or the bits of a double) per number. It has room for max_series of them. The
// other has one element, for what is beyond that (see RestRecord).
//
// Places are never taken from a series that counts. When there is none left for a new one, a series
// that no window has changed for long gives its place up to those of the windows to come: what it
// had counted goes to SeriesTable::Rest::ended, so that the sum over all series stays what it was.
// What finds no place is summed up in SeriesTable::Rest::other.
class Totals {
public:
    static constexpr std::uint64_t idle_windows = 20; // until a series may lose its place

    // Opens the totals in `dir`, the monitor's, of the metric that `shape` is of, or makes them. A
    // map whose layout is another (the metric was redefined) is replaced by an empty one.
    static Totals open(const std::string& dir, const SeriesTable& shape);
    // Nothing when there are none, or some of another shape; what is added to them then is lost.
    static Totals open_existing(const std::string& dir, const SeriesTable& shape);

    // Adds a window's series. `window` tells it from the one before: a window that was added
    // already, entirely or in part, by a process that was killed, is not added twice.
    // What `table` left out had no place. False: some found none.
    bool fold(std::uint64_t window, const SeriesTable& table) const;
    // Leaves out what fold() has already added of a window's series, entirely or in part.
    void leave_out_folded(std::uint64_t window, SeriesTable& table) const;
    void add_to(SeriesTable& table) const;      // counters and everything that adds up
    void keep_places(SeriesTable& table) const; // series that have one have it in `table` too

    Totals() = default; // none; what is added to them is lost
    bool are_there() const { return static_cast<bool>(series_.fd); }
    bool are_whole() const { return series_.fd && rest_; }

private:
    struct RestRecord;
    using Element = std::vector<std::uint64_t>; // the window, and the numbers
    struct Idle;

    Totals(OpenedMap series, Fd rest) : series_(std::move(series)), rest_(std::move(rest)) {}

    template <typename Visit>
    void for_each(const SeriesTable& shape, Visit&& visit) const;
    std::vector<std::uint32_t> add_known(std::uint64_t window, const SeriesTable& table) const;
    bool insert(std::uint64_t window, const SeriesTable& table, std::uint32_t row) const;
    // So that at most `most` series of the windows to come find one.
    void give_places_up(std::uint64_t window, const SeriesTable& table, std::size_t most,
                        RestRecord& rest) const;
    std::vector<Idle> idle_ones(std::uint64_t window, const SeriesTable& shape) const;
    RestRecord read_rest(const SeriesTable& shape) const;
    void write_rest(const RestRecord& record) const;

    OpenedMap series_; // empty: no totals
    Fd rest_;          // empty: of an older dynmon
};

} // namespace dynmon
