// SPDX-License-Identifier: BSD-2-Clause
// One event to one line of JSON: what source/stream.hpp prints, with its conditions and columns.
#pragma once

#include <optional>
#include <string>

#include "decode/decode_plan.hpp"
#include "filter/predicate.hpp"
#include "format/sink.hpp"
#include "kernel/events.hpp"
#include "source/stream.hpp"

namespace dynmon {

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
