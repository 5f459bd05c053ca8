// SPDX-License-Identifier: BSD-2-Clause
// Flows that windows are added up to until they end, are silent or are old. Pure: `now` is passed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "export/flow_record.hpp"

namespace dynmon {

// 0: a flow leaves with the window that it was seen in.
struct TimeOuts {
    std::uint64_t idle_ns = 15'000'000'000;
    std::uint64_t active_ns = 60'000'000'000;
    bool keeps() const { return idle_ns > 0 && active_ns > 0; } // from one window to the next
};

class FlowCache {
public:
    FlowCache(TimeOuts time_outs, std::size_t max_flows);

    // Adds what a window says of a flow. Appends to `left` what leaves for it: the flow that went
    // before it and had been silent for too long, or of a full cache the one that was touched
    // least recently.
    void add(const FlowRecord& seen, std::vector<FlowRecord>& left);
    // After the last flow of a window that ends at `now_ns`: appends what does not stay.
    void expire(std::uint64_t now_ns, std::vector<FlowRecord>& left);
    void drain(EndReason reason, std::vector<FlowRecord>& left); // all of them

    // Why it would leave at `now_ns`; none: it stays.
    EndReason end_of(const FlowRecord& flow, std::uint64_t now_ns) const;

    std::size_t size() const { return flows_.size(); }
    const std::list<FlowRecord>& flows() const { return flows_; } // least recently touched first

private:
    using Flows = std::list<FlowRecord>; // least recently touched first

    Flows::iterator leave(Flows::iterator flow, EndReason reason, std::vector<FlowRecord>& left);

    TimeOuts time_outs_;
    std::size_t max_flows_;
    Flows flows_;
    std::unordered_map<FlowKey, Flows::iterator, FlowKeyHash> index_;
};

} // namespace dynmon
