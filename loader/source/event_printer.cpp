// SPDX-License-Identifier: BSD-2-Clause
#include "source/event_printer.hpp"

#include "base/error.hpp"
#include "decode/text.hpp"
#include "filter/projection.hpp"
#include "kernel/clock.hpp"

namespace dynmon {

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

} // namespace dynmon
