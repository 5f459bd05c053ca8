// SPDX-License-Identifier: BSD-2-Clause
// Sends flows to a collector as IPFIX, and keeps what has not arrived.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "export/collector.hpp"
#include "export/flow_record.hpp"
#include "export/ipfix_message.hpp"

namespace dynmon {

struct IpfixOptions {
    ipfix::Domain domain;
    std::string collector; // as messages name it
    bool keeps = true;     // what has not arrived; false: its window brings it again
    // How long a template is good for over UDP, and for how many messages.
    std::chrono::nanoseconds template_refresh = std::chrono::seconds(60);
    std::uint64_t template_messages = 20;
    // Messages a second over UDP, 0: as fast as they go. A receiver there cannot say that it is not
    // keeping up. A window's share: if it keeps flows, the rest goes with the next one.
    std::uint64_t rate = 2000;
    std::chrono::nanoseconds share = std::chrono::seconds(5);
    // What the export reports of the probe, for the windows of a generation; none: nothing.
    std::function<ipfix::Facts(std::uint32_t generation)> facts = {};
    std::size_t max_waiting = 1'000'000;      // flows that are kept while the collector is away
    std::chrono::milliseconds patience{5000}; // for a window to arrive, and at the end
};

// What was sent stays until it has arrived as far as the collector can tell; when a connection
// breaks all of that is sent again on the next one, so that a collector may get a flow twice, but
// not none.
class IpfixSink final : public FlowSink {
public:
    struct Clocks {
        std::function<std::chrono::nanoseconds()> monotonic;
        std::function<std::uint64_t()> epoch_ns;
        std::function<void(std::chrono::nanoseconds)> sleep;
        std::function<bool()> stopping; // the export has to end, and soon
    };
    struct Sent {
        std::uint64_t flows = 0; // those that were sent again too
        std::uint64_t messages = 0;
        std::uint64_t bytes = 0;
        std::uint64_t connections = 0;
    };

    IpfixSink(IpfixOptions options, std::unique_ptr<Collector> collector, Clocks clocks);

    const char* profile() const override { return "ipfix"; }
    void make_room() override;
    void add(std::vector<FlowRecord> flows, const FlowWindow& from) override;
    std::vector<std::string> send() override;
    const std::vector<FlowRecord>& waiting() const override { return waiting_; }
    bool takes_parts() const override { return !options_.keeps; }
    void forget() override;
    void close(bool is_saved) override;

    const Sent& sent() const { return sent_; }

private:
    using Nanoseconds = std::chrono::nanoseconds;

    // Sends until `end`. False: the collector is away, and `fault_` says why. `connect_anyway`:
    // also to send nothing.
    bool flush(Nanoseconds now, Nanoseconds end, bool connect_anyway = false);
    bool try_to_flush(Nanoseconds now, Nanoseconds end, bool connect_anyway);
    void send_waiting(Nanoseconds end);
    bool await_turn(Nanoseconds end);
    bool facts_are_due() const;
    void tell_facts();
    void tell_totals();
    void put_on_the_way();
    std::uint32_t export_time() const;
    void hurry();
    void connect();
    bool wait_for_arrival(Nanoseconds now);
    void forget_arrived(std::chrono::milliseconds patience);
    void lose(Error fault, Nanoseconds now);
    bool templates_are_due(Nanoseconds now) const;
    [[noreturn]] void throw_away() const;

    IpfixOptions options_;
    std::unique_ptr<Collector> collector_;
    Clocks clocks_;
    std::vector<FlowRecord> waiting_; // oldest first
    std::size_t in_flight_ = 0;       // of them: sent, and not known to have arrived
    bool connected_ = false;
    bool told_ = false; // that it is away
    std::string fault_;
    Nanoseconds retry_at_{0};
    Nanoseconds retry_after_{0};
    Nanoseconds templates_at_{0};
    std::uint64_t templates_for_ = 0; // messages that the last ones are still good for
    ipfix::Writer writer_;
    std::string message_;
    Pace pace_;
    bool hurried_ = false;
    Sent sent_;
    std::uint32_t generation_ = 0;      // of the last window
    std::optional<ipfix::Facts> facts_; // of that
    ipfix::Statistics statistics_;
    std::uint64_t last_ignored_ = 0, last_dropped_ = 0; // of the last window, which are in them
    bool knows_options_ = false;                        // the collector, their templates
    std::optional<Nanoseconds> facts_at_; // when they were sent; none: not these, or not here
    bool has_news_ = false; // packets that the probe missed, and the collector does not know of
};

} // namespace dynmon
