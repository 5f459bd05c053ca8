// SPDX-License-Identifier: BSD-2-Clause
#include "source/stream.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "kernel/events.hpp"
#include "source/event_printer.hpp"
#include "source/event_types.hpp"
#include "source/lost_counter.hpp"
#include "source/map_kind.hpp"

namespace dynmon {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int longest_wait_ms = 100;          // so that lost events and signals are noticed
constexpr std::uint32_t most_in_round = 1024; // likewise, while events come without a pause

void require_events(const MapFacts& facts) {
    if (map_kind(facts.type) == MapKind::events)
        return;
    throw Error(ErrorKind::usage, "map '" + facts.name + "' is of type " +
                                      map_type_name(facts.type) + ", which has no events")
        .hint("`dynmon-load dump` lists its entries, if it has any");
}

int wait_ms(const std::optional<Clock::time_point>& deadline) {
    if (!deadline)
        return longest_wait_ms;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left + 1, 0, longest_wait_ms));
}

} // namespace

StreamTotals stream_events(const FoundMap& map, const StreamOptions& options, Sink& sink,
                           const std::function<bool()>& stopped) {
    const MapFacts facts = map_facts(map.fd);
    require_events(facts);
    const MapTypes types = types_of_map(facts, map, options.object);
    std::optional<Layout> layout = event_layout(types, options.type);
    if (layout && has_interfaces(*layout))
        name_interfaces(*layout, interfaces_of(map));
    if (!layout)
        log::info("nothing says of which type the events are: they are shown as bytes; "
                  "--type STRUCT names it");
    const bool perf = facts.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
    EventPrinter printer(layout, options, perf, sink);
    LostCounter lost(facts, types.name, map.pin_path);
    std::optional<Clock::time_point> deadline; // once it listens
    const auto ended = [&] {
        return printer.is_full() || stopped() || (deadline && Clock::now() >= *deadline);
    };
    std::uint32_t in_round = 0;
    const auto source = EventSource::open(
        map.fd, facts,
        {.event =
             [&](const Event& event) {
                 if (printer.is_full()) // another CPU's buffer
                     return false;
                 printer.event(event); // it is taken out already, whatever ends the stream
                 // What is left in a perf buffer would wait for the next event; its rounds have an
                 // end.
                 return (perf || ++in_round < most_in_round) && !ended();
             },
         .lost =
             [&](int cpu, std::uint64_t count) {
                 printer.lost(count, cpu);
                 return true;
             },
         .overwritten = [&](const RingLoss& loss) { printer.overwritten(loss); }});
    if (options.opened)
        options.opened();
    if (options.timeout)
        deadline = Clock::now() + *options.timeout;
    while (!ended()) {
        in_round = 0;
        if (options.each_round)
            options.each_round();
        printer.renew_now();
        source->wait(wait_ms(deadline));
        if (const std::uint64_t count = lost.since_last_time())
            printer.lost(count, -1);
        sink.flush();
    }
    return printer.totals();
}

} // namespace dynmon
