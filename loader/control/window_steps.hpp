// SPDX-License-Identifier: BSD-2-Clause
// Which windows a read hands out, in which order, and what it writes down before and after each.
// Pure: what touches the kernel is behind WindowPort. docs/dev/protocol/store.md has the rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "format/exporter.hpp"
#include "state/generation.hpp"
#include "state/state.hpp"

namespace dynmon {

// A metric as far as its windows go.
struct MetricFacts {
    std::size_t index = 0; // in the manifest
    bool swap = false;     // its map has two sides
    bool consumed = false; // what is handed out leaves the map
    bool wanted = false;   // by this read
    std::uint64_t bit() const { return std::uint64_t{1} << index; }
};

// A replaced generation that may still hold windows.
struct RetiredFacts {
    std::uint32_t generation = 0;
    Retirement retirement;
    std::vector<MetricFacts> metrics;
    std::set<std::pair<std::size_t, Side>> there; // maps, by metric, that no reader has taken yet
};

// What a generation that ends now leaves to be read.
Retirement retirement_of(const MonitorState& state, std::uint64_t ended_ns);

// A map as it takes part in a window.
struct WindowPart {
    std::size_t metric = 0; // index
    Side side = Side::a;
    bool quiet = false; // no program writes this side any more
    std::uint64_t from_ns = 0;
};

struct ShownWindow {
    Window window;
    std::vector<WindowPart> parts;
    bool last = false;       // of this read
    bool unasked = false;    // of metrics that the read is not about, see WindowSteps
    std::uint64_t again = 0; // bits of metrics of which a reader may have seen a part
};

// What a read does to a monitor. Its lock is held. Whatever throws ends the read there, and a read
// that is killed ends there too: the next one goes on from what is written down.
class WindowPort {
public:
    virtual ~WindowPort() = default;

    virtual std::uint64_t now_ns() = 0; // since the Unix epoch
    virtual void write(const MonitorState& state) = 0;
    // Finds the places of the programs. The store is locked from here until the fence behind
    // swap().
    virtual void prepare_swap(Side next) = 0;
    virtual void swap() = 0;
    virtual void fence() = 0; // waits for packets that are still on their way through the old side
    // Hands it out whole, and only then empties what the read takes.
    virtual void show(const ShownWindow& window) = 0;

    virtual std::vector<std::uint32_t> replaced_generations() = 0; // oldest first
    // Nothing: it has not been retired yet.
    virtual std::optional<RetiredFacts> look_at_replaced(std::uint32_t generation) = 0;
    // These are about the generation that was looked at last.
    virtual void show_replaced(const ShownWindow& window) = 0;
    virtual void remove_maps(const ShownWindow& window) = 0;
    virtual void discard_if_read(std::uint32_t generation) = 0;
};

struct ReadFacts {
    MonitorState state;
    std::uint32_t generation = 0;
    std::vector<MetricFacts> metrics;
    bool takes = false;        // what is handed out leaves the kernel
    bool one_document = false; // the reader takes one window, the oldest
};

// Metrics that the read is not about, but which stand in the way of its swap. That gives all
// metrics new maps to count in: those that held the last window, and may still hold it; a later
// read shows both windows as one. If a reader has seen a part of the last one, that goes out first,
// under its number.
std::uint64_t unasked_metrics(const ReadFacts& facts);

class WindowSteps {
public:
    // `port` is not owned.
    WindowSteps(ReadFacts facts, WindowPort& port);

    // False: a newer window is left for the next read, as the reader takes one.
    bool run();

private:
    bool is_full() const { return facts_.one_document && shown_ > 0; }
    void show(const ShownWindow& window);
    void show_replaced_generations();
    void show_replaced(const RetiredFacts& facts, Side side);
    void show_pending(std::uint64_t metrics, bool unasked);
    void begin_window();
    void close_window();
    void show_current();
    void add_part(ShownWindow& shown, const MetricFacts& metric, Side side, bool quiet) const;
    void finish_window(std::uint64_t shown, std::uint64_t to_ns);

    ReadFacts facts_;
    MonitorState state_;
    WindowPort& port_;
    std::uint64_t wanted_ = 0;  // bits
    std::uint64_t swapped_ = 0; // of all
    std::size_t shown_ = 0;     // windows
};

} // namespace dynmon
