// SPDX-License-Identifier: BSD-2-Clause
#include "source/stream.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "base/log.hpp"
#include "btf/btf_type.hpp"
#include "decode/text.hpp"
#include "filter/projection.hpp"
#include "kernel/clock.hpp"
#include "kernel/events.hpp"
#include "source/map_kind.hpp"
#include "source/totals.hpp"

namespace dynmon {

namespace {

constexpr std::array<unsigned, 6> event_kinds{BTF_KIND_STRUCT, BTF_KIND_TYPEDEF, BTF_KIND_UNION,
                                              BTF_KIND_INT,    BTF_KIND_ENUM,    BTF_KIND_ENUM64};

std::string without_keyword(const std::string& name) {
    for (const std::string_view keyword : {"struct ", "union ", "enum "})
        if (name.starts_with(keyword))
            return name.substr(keyword.size());
    return name;
}

[[noreturn]] void refuse_type(const btf* types, const std::string& name) {
    std::vector<std::string> known;
    for (std::uint32_t id = 1; id < btf__type_cnt(types); ++id) {
        const btf_type* type = btf__type_by_id(types, id);
        if (btf_is_struct(type) || btf_is_typedef(type) || btf_is_union(type))
            known.emplace_back(btf__name_by_offset(types, type->name_off));
    }
    const std::string near = nearest_name(name, known);
    throw Error(ErrorKind::usage, "no type '" + name + "' in the BTF of the map's program")
        .hint(near.empty() ? "" : "did you mean '" + near + "'?");
}

std::uint32_t named_type(const btf* types, const std::string& name) {
    for (const unsigned kind : event_kinds) {
        const int id = btf__find_by_name_kind(types, name.c_str(), kind);
        if (id > 0)
            return static_cast<std::uint32_t>(id);
    }
    refuse_type(types, name);
}

} // namespace

std::optional<Layout> event_layout(const MapTypes& types, const std::string& name) {
    const btf* known = types.btf.get();
    if (known == nullptr && !name.empty())
        throw Error(ErrorKind::usage, "no BTF knows the map, and so not '" + name + "' either")
            .hint("name the object that its program is from: --object FILE");
    if (known == nullptr)
        return std::nullopt;
    const std::uint32_t id = name.empty() ? pointed_type(known, "dynmon_event_" + types.name)
                                          : named_type(known, without_keyword(name));
    if (id == 0)
        return std::nullopt;
    const std::int64_t size = btf__resolve_size(known, id);
    if (size <= 0)
        throw Error(ErrorKind::usage, "the type of the events has no size");
    return build_layout(known, id, static_cast<std::uint32_t>(size), "event");
}

namespace {

// Condition and columns name fields, which only a type has.
void require_type(const StreamOptions& options) {
    if (options.where.empty() && options.columns.empty())
        return;
    throw Error(ErrorKind::usage, std::string(options.where.empty() ? "--columns" : "--where") +
                                      ": nothing says of which type the events are")
        .hint("--type STRUCT names it");
}

} // namespace

EventPrinter::EventPrinter(const std::optional<Layout>& layout, const StreamOptions& options,
                           bool perf, Sink& sink)
    : options_(options), perf_(perf), sink_(sink), layout_(layout) {
    if (!layout_) {
        require_type(options);
        return;
    }
    if (!options.where.empty()) {
        condition_ = during("--where", [&] { return Condition::parse(options.where); });
        renew_now();
    }
    const Layout shown = options.columns.empty() ? *layout_ : during("--columns", [&] {
        return project({nullptr, &*layout_}, options.columns).value;
    });
    plan_.emplace(shown, options.raw ? Style::raw : Style::decoded, "{\"event\":", "",
                  options.wide_as_text);
}

void EventPrinter::renew_now() {
    if (condition_)
        where_ = during("--where", [&] {
            return Predicate(*condition_, {nullptr, &*layout_}, epoch_ns());
        });
}

void EventPrinter::event(const Event& event) {
    const bool known = plan_ && fits(event.size);
    totals_.unlike += plan_ && !known;
    if (where_ && !known)
        return;
    if (where_ && !where_->holds(nullptr, event.data)) {
        ++totals_.filtered;
        return;
    }
    ++totals_.events;
    std::string& out = sink_.buffer();
    if (known)
        plan_->append(event.data, out);
    else
        bytes(event, out);
    end_line(event.cpu, out);
}

void EventPrinter::lost(std::uint64_t count, int cpu) {
    totals_.lost += count;
    std::string& out = sink_.buffer();
    out += "{\"lost\":" + std::to_string(count);
    end_line(cpu, out);
}

void EventPrinter::overwritten(const RingLoss& loss) {
    totals_.overwritten += loss.records.value_or(0);
    totals_.overwritten_bytes += loss.bytes;
    totals_.all_counted = totals_.all_counted && loss.records.has_value();
    std::string& out = sink_.buffer();
    out += "{\"overwritten\":" + (loss.records ? std::to_string(*loss.records) : "null");
    out += ",\"bytes\":" + std::to_string(loss.bytes);
    end_line(-1, out);
}

// perf fills its records up to a multiple of 8, and the 4 bytes of the size belong to them.
bool EventPrinter::fits(std::size_t size) const {
    const std::size_t typed = layout_->size;
    return size == typed || (perf_ && size == (typed + 4 + 7) / 8 * 8 - 4);
}

void EventPrinter::bytes(const Event& event, std::string& out) {
    Cursor cursor(out);
    cursor.put("{\"bytes\":\"");
    put_hex(cursor, {reinterpret_cast<const char*>(event.data), event.size});
    cursor.put("\",\"size\":");
    cursor.put(std::to_string(event.size));
    cursor.finish();
}

void EventPrinter::end_line(int cpu, std::string& out) {
    if (cpu >= 0)
        out += ",\"cpu\":" + std::to_string(cpu);
    out += "}\n";
    sink_.spill();
}

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
