// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_cache.hpp"

#include <algorithm>

namespace dynmon {

namespace {

constexpr std::uint8_t fin = 1, rst = 4;

// Clocks of several CPUs, and of the window's end, may disagree a little.
std::uint64_t since(std::uint64_t then, std::uint64_t now) {
    return now > then ? now - then : 0;
}

void merge(FlowRecord& flow, const FlowRecord& seen) {
    if (seen.last_ns >= flow.last_ns)
        flow.tos = seen.tos;
    flow.first_ns = std::min(flow.first_ns, seen.first_ns);
    flow.last_ns = std::max(flow.last_ns, seen.last_ns);
    flow.packets += seen.packets;
    flow.bytes += seen.bytes;
    flow.tcp_flags |= seen.tcp_flags;
    flow.flows += seen.flows - 1; // the first one is what was there, going on
}

} // namespace

FlowCache::FlowCache(TimeOuts time_outs, std::size_t max_flows)
    : time_outs_(time_outs), max_flows_(std::max<std::size_t>(max_flows, 1)) {}

void FlowCache::add(const FlowRecord& seen, std::vector<FlowRecord>& left) {
    auto known = index_.find(seen.key);
    if (known != index_.end() && time_outs_.keeps() &&
        since(known->second->last_ns, seen.first_ns) >= time_outs_.idle_ns) {
        leave(known->second, EndReason::idle, left);
        known = index_.end();
    }
    if (known != index_.end()) {
        merge(*known->second, seen);
        flows_.splice(flows_.end(), flows_, known->second);
        return;
    }
    if (flows_.size() >= max_flows_)
        leave(flows_.begin(), EndReason::lack_of_memory, left);
    flows_.push_back(seen);
    index_.emplace(seen.key, std::prev(flows_.end()));
}

EndReason FlowCache::end_of(const FlowRecord& flow, std::uint64_t now_ns) const {
    if ((flow.tcp_flags & (fin | rst)) != 0)
        return EndReason::end_of_flow;
    if (!time_outs_.keeps()) // it may well go on in the next window
        return EndReason::active;
    if (since(flow.last_ns, now_ns) >= time_outs_.idle_ns)
        return EndReason::idle;
    if (since(flow.first_ns, now_ns) >= time_outs_.active_ns)
        return EndReason::active;
    return EndReason::none;
}

FlowCache::Flows::iterator FlowCache::leave(Flows::iterator flow, EndReason reason,
                                            std::vector<FlowRecord>& left) {
    left.push_back(*flow);
    left.back().reason = reason;
    index_.erase(flow->key);
    return flows_.erase(flow);
}

void FlowCache::expire(std::uint64_t now_ns, std::vector<FlowRecord>& left) {
    for (auto flow = flows_.begin(); flow != flows_.end();) {
        const EndReason reason = end_of(*flow, now_ns);
        flow = reason == EndReason::none ? std::next(flow) : leave(flow, reason, left);
    }
}

void FlowCache::drain(EndReason reason, std::vector<FlowRecord>& left) {
    for (auto flow = flows_.begin(); flow != flows_.end();)
        flow = leave(flow, reason, left);
}

} // namespace dynmon
