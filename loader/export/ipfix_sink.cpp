// SPDX-License-Identifier: BSD-2-Clause
#include "export/ipfix_sink.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "export/ipfix_message.hpp"

namespace dynmon {

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds first_retry = seconds(1), longest_retry = seconds(30);
constexpr milliseconds step{50}; // between two tries at the end, and two looks at whether it is
constexpr nanoseconds no_end = nanoseconds::max();
constexpr milliseconds udp_error_way{20};

} // namespace

IpfixSink::IpfixSink(IpfixOptions options, std::unique_ptr<Collector> collector, Clocks clocks)
    : options_(std::move(options)), collector_(std::move(collector)), clocks_(std::move(clocks)),
      writer_(options_.domain), pace_(options_.rate) {}

void IpfixSink::add(std::vector<FlowRecord> flows, const FlowWindow& from) {
    const std::uint32_t generation = from.window.generation;
    if (options_.facts && generation != 0 && generation != generation_) { // 0: no window yet
        facts_ = options_.facts(generation);
        generation_ = generation;
        facts_at_.reset();
    }
    statistics_.ignored_packets += last_ignored_ = from.ignored;
    statistics_.dropped_packets += last_dropped_ = from.dropped;
    has_news_ |= facts_ && from.ignored + from.dropped > 0;
    // Records of one template share a set.
    std::stable_sort(flows.begin(), flows.end(), [](const FlowRecord& a, const FlowRecord& b) {
        return ipfix::template_of(a.key) < ipfix::template_of(b.key);
    });
    waiting_.insert(waiting_.end(), flows.begin(), flows.end());
}

void IpfixSink::make_room() {
    const bool full = waiting_.size() - in_flight_ >= options_.max_waiting;
    if ((full || !options_.keeps) && !flush(clocks_.monotonic(), no_end, !options_.keeps))
        throw_away();
}

std::vector<std::string> IpfixSink::send() {
    const nanoseconds now = clocks_.monotonic();
    do {
        const bool sent = flush(now, options_.keeps ? now + options_.share : no_end);
        if (options_.keeps || (sent && wait_for_arrival(now)))
            return {};
    } while (collector_->has_another());
    forget();
    statistics_.ignored_packets -= last_ignored_; // they come again with the window
    statistics_.dropped_packets -= last_dropped_;
    throw_away();
}

void IpfixSink::forget() {
    waiting_.clear();
    in_flight_ = 0;
}

// True when nothing is waiting any more. False loses the connection: what was sent comes again.
bool IpfixSink::wait_for_arrival(nanoseconds now) {
    try {
        forget_arrived(collector_->forgets() ? udp_error_way : options_.patience);
        if (!waiting_.empty())
            throw Error(ErrorKind::failed, "no acknowledgement from " + options_.collector);
        return true;
    } catch (const Error& error) {
        lose(error, now);
        return false;
    }
}

void IpfixSink::throw_away() const {
    SinkUnavailable away(ErrorKind::failed, fault_);
    away.hint("the flows stay in the kernel until the collector is there");
    throw away;
}

bool IpfixSink::flush(nanoseconds now, nanoseconds end, bool connect_anyway) {
    do {
        if (try_to_flush(now, end, connect_anyway))
            return true;
    } while (collector_->has_another() && !connected_ && now >= retry_at_);
    return false;
}

bool IpfixSink::try_to_flush(nanoseconds now, nanoseconds end, bool connect_anyway) {
    try {
        if (connected_)
            forget_arrived(milliseconds{0});
        if (waiting_.empty() && !has_news_ && !connect_anyway)
            return true;
        if (!connected_ && now < retry_at_)
            return false;
        if (!connected_)
            connect();
        send_waiting(end);
        return true;
    } catch (const Error& error) {
        lose(error, now);
        return false;
    }
}

void IpfixSink::connect() {
    collector_->connect();
    connected_ = true;
    templates_for_ = 0;
    knows_options_ = false;
    facts_at_.reset();
    writer_ = ipfix::Writer(options_.domain); // a stream of its own
    ++sent_.connections;
}

bool IpfixSink::templates_are_due(nanoseconds now) const {
    if (templates_for_ == 0)
        return true;
    return collector_->forgets() && now - templates_at_ >= options_.template_refresh;
}

void IpfixSink::send_waiting(nanoseconds end) {
    if (collector_->forgets()) // and may have been restarted without a word
        templates_for_ = 0;
    const bool any = in_flight_ < waiting_.size() || has_news_;
    if (any && facts_are_due() && await_turn(end))
        tell_facts();
    while (in_flight_ < waiting_.size() && await_turn(end)) {
        const nanoseconds now = clocks_.monotonic();
        const bool with_templates = templates_are_due(now);
        const std::span<const FlowRecord> rest = std::span(waiting_).subspan(in_flight_);
        const std::size_t written =
            writer_.write(rest, with_templates, collector_->max_message(), export_time(), message_);
        put_on_the_way();
        if (with_templates) {
            templates_at_ = now;
            templates_for_ = std::max<std::uint64_t>(options_.template_messages, 1);
        }
        if (collector_->forgets())
            --templates_for_;
        in_flight_ += written;
        sent_.flows += written;
    }
}

// Not with every window: nfcapd does not count their records, as RFC 7011 wants it, and takes each
// time for a loss.
bool IpfixSink::facts_are_due() const {
    return facts_ && (!facts_at_ || clocks_.monotonic() - *facts_at_ >= options_.template_refresh);
}

// In front of the flows, so that a collector knows how many packets each stands for.
void IpfixSink::tell_facts() {
    statistics_.exported_flows = sent_.flows;
    const bool with_templates = !knows_options_ || collector_->forgets();
    writer_.write_options(*facts_, statistics_, with_templates, export_time(), message_);
    put_on_the_way();
    knows_options_ = true;
    facts_at_ = clocks_.monotonic();
    has_news_ = false;
}

void IpfixSink::put_on_the_way() {
    collector_->send(message_);
    sent_.bytes += message_.size();
    ++sent_.messages;
}

std::uint32_t IpfixSink::export_time() const {
    return static_cast<std::uint32_t>(clocks_.epoch_ns() / 1'000'000'000);
}

// False: it is not before `end`.
bool IpfixSink::await_turn(nanoseconds end) {
    while (collector_->forgets()) {
        if (clocks_.stopping())
            hurry();
        const nanoseconds now = clocks_.monotonic();
        const nanoseconds wait = pace_.wait(now);
        if (wait == nanoseconds{0}) {
            pace_.sent(now);
            break;
        }
        if (wait > end - now)
            return false;
        clocks_.sleep(std::min<nanoseconds>(wait, step));
    }
    return true;
}

// There is an end to how long the end takes, and what goes too fast may arrive still.
void IpfixSink::hurry() {
    if (std::exchange(hurried_, true))
        return;
    const std::size_t in_one =
        collector_->max_message() / ipfix::record_size(ipfix::Template::ipv6); // the longest
    // A window that comes in parts may have many more.
    const nanoseconds time = options_.patience / (takes_parts() ? 16 : 1);
    pace_.fit((waiting_.size() - in_flight_) / in_one, time);
}

void IpfixSink::forget_arrived(milliseconds patience) {
    if (in_flight_ == 0 || !collector_->has_arrived(patience))
        return;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(in_flight_));
    in_flight_ = 0;
    retry_after_ = nanoseconds{0};
    if (told_)
        log::info("collector " + options_.collector + " is back");
    told_ = false;
}

void IpfixSink::lose(Error fault, nanoseconds now) {
    collector_->reset();
    connected_ = false;
    in_flight_ = 0;
    if (collector_->has_another()) {
        retry_at_ = nanoseconds{0};
        return;
    }
    retry_after_ = std::clamp(retry_after_ * 2, first_retry, longest_retry);
    retry_at_ = now + retry_after_;
    fault_ = fault.what();
    if (!told_)
        log::warn(fault_ + ": " +
                  (options_.keeps
                       ? counted(waiting_.size(), "flow") + " must wait for the collector"
                       : "windows stay in the kernel until the collector is there"));
    told_ = true;
}

// The last message. A collector that does not get it still has all flows.
void IpfixSink::tell_totals() {
    try {
        if (connected_ && facts_)
            tell_facts();
    } catch (const Error&) {
    }
}

// Tries for as long as is left: there is no next window.
void IpfixSink::close(bool) {
    hurry();
    const nanoseconds end = clocks_.monotonic() + options_.patience;
    for (nanoseconds now = clocks_.monotonic();
         now < end && !waiting_.empty() && collector_->has_time(); now = clocks_.monotonic()) {
        retry_at_ = nanoseconds{0};
        if (!flush(now, no_end) || !wait_for_arrival(now))
            clocks_.sleep(step);
    }
    if (waiting_.empty()) {
        tell_totals();
        return collector_->disconnect();
    }
    std::uint64_t packets = 0, bytes = 0;
    for (const FlowRecord& flow : waiting_) {
        packets += flow.packets;
        bytes += flow.bytes;
    }
    throw Error(ErrorKind::failed, counted(waiting_.size(), "flow") + " (" +
                                       counted(packets, "packet") + ", " + counted(bytes, "byte") +
                                       ") did not arrive: " + fault_)
        .hint("the collector has to listen when the export ends");
}

} // namespace dynmon
