#include "read/stream.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/log.hpp"
#include "kernel/events.hpp"
#include "layout/decode_plan.hpp"
#include "layout/text.hpp"
#include "read/event_types.hpp"
#include "read/lost_counter.hpp"
#include "read/map_kind.hpp"

namespace dynmon {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int longest_wait_ms = 100;          // so that lost events and signals are noticed
constexpr std::uint32_t most_in_round = 1024; // likewise, while events come without a pause

class EventPrinter {
public:
    EventPrinter(const std::optional<Layout>& layout, const StreamOptions& options, bool perf,
                 Sink& sink)
        : options_(options), perf_(perf), sink_(sink), size_(layout ? layout->size : 0) {
        if (layout)
            plan_.emplace(*layout, options.raw ? Style::raw : Style::people, "{\"event\":");
    }

    void event(const Event& event) {
        std::string& out = sink_.buffer();
        ++totals_.events;
        if (plan_ && fits(event.size))
            plan_->append(event.data, out);
        else
            bytes(event, out);
        end_line(event.cpu, out);
    }

    void lost(std::uint64_t count, int cpu) {
        totals_.lost += count;
        std::string& out = sink_.buffer();
        out += "{\"lost\":" + std::to_string(count);
        end_line(cpu, out);
    }

    bool is_full() const { return options_.count != 0 && totals_.events >= options_.count; }
    const StreamTotals& totals() const { return totals_; }

private:
    // perf fills its records up to a multiple of 8, and the 4 bytes of the size belong to them.
    bool fits(std::size_t size) const {
        return size == size_ || (perf_ && size == (size_ + 4 + 7) / 8 * 8 - 4);
    }

    void bytes(const Event& event, std::string& out) {
        totals_.unlike += plan_.has_value();
        Cursor cursor(out);
        cursor.put("{\"bytes\":\"");
        put_hex(cursor, {reinterpret_cast<const char*>(event.data), event.size});
        cursor.put("\",\"size\":");
        cursor.put(std::to_string(event.size));
        cursor.finish();
    }

    void end_line(int cpu, std::string& out) {
        if (cpu >= 0)
            out += ",\"cpu\":" + std::to_string(cpu);
        out += "}\n";
        sink_.spill();
    }

    const StreamOptions& options_;
    bool perf_;
    Sink& sink_;
    std::size_t size_;
    std::optional<JsonPlan> plan_;
    StreamTotals totals_;
};

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
    const std::optional<Layout> layout = event_layout(types, options.type);
    if (!layout)
        log::info("nothing says of which type the events are: they are shown as bytes; "
                  "--type STRUCT names it");
    const bool perf = facts.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY;
    EventPrinter printer(layout, options, perf, sink);
    LostCounter lost(facts, types.name, map.pin_path);
    std::optional<Clock::time_point> deadline;
    if (options.timeout)
        deadline = Clock::now() + *options.timeout;
    const auto ended = [&] {
        return printer.is_full() || stopped() || (deadline && Clock::now() >= *deadline);
    };
    std::uint32_t in_round = 0;
    const auto source = EventSource::open(
        map.fd, facts,
        [&](const Event& event) {
            if (printer.is_full()) // another CPU's buffer
                return false;
            printer.event(event); // it has been taken out already, whatever ends the stream
            // What is left in a perf buffer would wait for the next event; its rounds have an end.
            return (perf || ++in_round < most_in_round) && !ended();
        },
        [&](int cpu, std::uint64_t count) {
            printer.lost(count, cpu);
            return true;
        });
    while (!ended()) {
        in_round = 0;
        source->wait(wait_ms(deadline));
        if (const std::uint64_t count = lost.since_last_time())
            printer.lost(count, -1);
        sink.flush();
    }
    return printer.totals();
}

} // namespace dynmon
