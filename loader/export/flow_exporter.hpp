// SPDX-License-Identifier: BSD-2-Clause
// Takes the windows of a flow table into the cache, and hands on what leaves it to a sink.
// Which fields of a table are what of a flow.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "export/export_state.hpp"
#include "export/fields.hpp"
#include "export/flow_cache.hpp"
#include "export/flow_record.hpp"
#include "format/rows.hpp"

namespace dynmon {

// Finds the fields of a flow table by their names, and reads its entries as flows.

class FlowFields {
public:
    // Throws Error{usage} naming what `metric` does not have. Needed are key.saddr, key.daddr,
    // key.proto, value.first, value.last, value.bytes and value.packets (or wire_packets, which is
    // preferred). Used when there: key.sport, key.dport, key.ip_version, key.vlan, value.tcp_flags,
    // value.tos, value.flows.
    // What stays in the map would be counted with every window, and is refused too. `profile` is
    // for the errors.
    FlowFields(const MetricView& metric, std::string_view profile);

    FlowRecord read(const Row& row) const;

private:
    std::uint8_t egress_;
    Field saddr_, daddr_, proto_, sport_, dport_, ip_version_, vlan_;
    Field first_, last_, packets_, bytes_, tcp_flags_, tos_, flows_;
    std::uint64_t first_unit_ns_, last_unit_ns_;
};

// A window counts once, and whole: its flows go into the cache when all of them are there, and a
// window that comes again because it could not be emptied is passed over.
class FlowExporter : public Exporter {
public:
    // `sink` must outlive it, and keep what it cannot hand on if the time-outs do. `state`, where
    // there is one, has to be opened already; what it holds is gone on with. `report` is called for
    // each window.
    FlowExporter(TimeOuts time_outs, std::size_t max_flows, FlowSink& sink, ReportWindow report,
                 std::optional<FlowState> state = std::nullopt);

    // Throws Error{usage} naming what is lacking when no metric is a flow table, and
    // SinkUnavailable where a window had better stay open.
    void prepare(const std::vector<const MetricView*>& metrics) override;
    void begin_document(const std::string& monitor, const Window& window) override;
    void begin_metric(const MetricView& metric) override;
    void entries(const Batch& batch) override;
    void end_metric(std::uint64_t timestamp_us) override;
    void end_document() override;

    // What the cache has leaves, and the sink is closed. Throws as that does, and leaves in the
    // state what has not arrived.
    void close() override;

    std::size_t cached() const { return cache_.size(); }

private:
    using Clock = std::chrono::steady_clock;

    bool is_repeated() const;
    void add_up(WindowReport& report);
    void hand_on_seen();
    void count_missed();
    void restore();
    void save_before();
    bool save_counted();
    bool save_rest() const;

    FlowCache cache_;
    FlowSink& sink_;
    ReportWindow report_;
    std::optional<FlowState> state_;
    bool keeps_;
    FlowWindow at_;
    std::optional<Window> stored_;     // the last one
    std::optional<FlowFields> fields_; // of the metric that is being read
    std::optional<Rows> rows_;
    std::set<std::string> unused_; // metrics that are no flow tables
    bool counts_missed_ = false;
    MissedCounters missed_;
    std::vector<FlowRecord> seen_; // in the window; if nothing is kept: in the last part of it
    bool repeated_ = false;        // the window is counted already
    bool told_ = false;            // that the state cannot be saved
    std::uint64_t left_flows_ = 0, left_packets_ = 0; // that have left, of the window
    Clock::time_point began_;
};

} // namespace dynmon
