// SPDX-License-Identifier: BSD-2-Clause
// Events as JSON lines, decoded as they come: what `dynmon-load stream` prints.
//
//     {"event":{"saddr":"10.0.0.1","bytes":60}}              of the type that is known
//     {"event":{…},"cpu":1}                                  from a perf event array
//     {"bytes":"0a000001…","size":8}                         without a type, or of another size
//     {"lost":12} {"lost":12,"cpu":1}                        there was no room for so many
//     {"overwritten":12,"bytes":288}                         newer ones took the place of so many
//                                                            (null: of an unknown number)
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "btf/layout.hpp"
#include "decode/decode_plan.hpp"
#include "filter/predicate.hpp"
#include "format/sink.hpp"
#include "kernel/events.hpp"
#include "source/find_map.hpp"
#include "source/map_types.hpp"

namespace dynmon {

// The type of the events in a ring buffer or perf event array, which the kernel knows nothing of.

// The layout of the type `name` ("struct x", "x") in the BTF of `types`, or, when that is "", of
// what DYNMON_EVENTS in bpf/dynmon.h left there. Nothing when neither says; throws Error{usage}
// when there is no type of that name.
std::optional<Layout> event_layout(const MapTypes& types, const std::string& name);

struct StreamOptions {
    std::string type;   // of the events; "": as declared with DYNMON_EVENTS, or else bytes
    std::string object; // that the map's program is from; "": found by itself
    bool raw = false;
    bool wide_as_text = false; // integers whose type has more than 53 bits are strings
    // Fields of the event are "value.x" or just "x", as filter/field_ref.hpp has it.
    std::string where;                // a condition; events that do not meet it are taken out too
    std::vector<std::string> columns; // only these fields, in this order
    std::uint64_t count = 0;          // events to print; 0: no end
    std::optional<std::chrono::nanoseconds> timeout;
    // Called when everything is open that capabilities are needed for; unset: nothing to do.
    std::function<void()> opened;
    // Called now and then, ten times a second at least; unset: nothing to do.
    std::function<void()> each_round = {};
};

struct StreamTotals {
    std::uint64_t events = 0; // printed
    std::uint64_t lost = 0;
    // Records that a ring buffer overwrote before they were read, discarded ones among them.
    std::uint64_t overwritten = 0;
    std::uint64_t overwritten_bytes = 0; // of the ring
    bool all_counted = true;             // false: there are more than `overwritten`
    std::uint64_t filtered = 0;          // did not meet the condition
    std::uint64_t unlike = 0; // of another size than the type; with a condition not printed
};

// Prints until `stopped` says so, the count is full or the time is over. Interfaces are those
// that `map` leads to. Throws Error{usage}, before any event is taken
// out, for a map that has no events, a type that is not there, and a condition or columns that do
// not fit the type or without one.
StreamTotals stream_events(const FoundMap& map, const StreamOptions& options, Sink& sink,
                           const std::function<bool()>& stopped);

// One event to one line of JSON: what source/stream.hpp prints, with its conditions and columns.

class EventPrinter {
public:
    // `layout`: of the events, none when it is not known. `options` and `sink` must outlive it.
    // Throws Error{usage} for a condition or columns that do not fit.
    EventPrinter(const std::optional<Layout>& layout, const StreamOptions& options, bool perf,
                 Sink& sink);

    void event(const Event& event);
    void lost(std::uint64_t count, int cpu); // cpu -1: of no one in particular
    void overwritten(const RingLoss& loss);

    // From now on `now` in the condition is the present. Cheap, but not made for each event.
    void renew_now();

    bool is_full() const { return options_.count != 0 && totals_.events >= options_.count; }
    const StreamTotals& totals() const { return totals_; }

private:
    bool fits(std::size_t size) const;
    void bytes(const Event& event, std::string& out);
    void end_line(int cpu, std::string& out);

    const StreamOptions& options_;
    bool perf_;
    Sink& sink_;
    std::optional<Layout> layout_;
    std::optional<JsonPlan> plan_;
    std::optional<Condition> condition_;
    std::optional<Predicate> where_;
    StreamTotals totals_;
};

} // namespace dynmon
