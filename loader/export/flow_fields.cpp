// SPDX-License-Identifier: BSD-2-Clause
#include "export/flow_fields.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "export/session.hpp"

namespace dynmon {

namespace {

// Nanoseconds of the unit of a time since the epoch.
std::uint64_t unit_of(const MetricView& metric, const char* name) {
    switch (find_field(metric.value, name)->semantic) {
    case Semantic::time_ns:
        return 1;
    case Semantic::time_us:
        return 1'000;
    case Semantic::time_ms:
        return 1'000'000;
    case Semantic::time_s:
        return 1'000'000'000;
    default:
        throw Error(ErrorKind::usage, "metric '" + metric.name + "' has no time since the epoch " +
                                          "in 'value." + name + "', which flows need")
            .hint("give it the type dynmon_time_ns_t and set it to dynmon_now()");
    }
}

} // namespace

FlowFields::FlowFields(const MetricView& metric, std::string_view profile)
    : egress_(metric.direction == Direction::egress ? 1 : 0) {
    const FieldFinder find(metric, "profile '" + std::string(profile) + "'");
    saddr_ = find.address("key.saddr");
    daddr_ = find.address("key.daddr");
    proto_ = find.number("key.proto");
    sport_ = find.number_if_any("key.sport");
    dport_ = find.number_if_any("key.dport");
    ip_version_ = find.number_if_any("key.ip_version");
    vlan_ = find.number_if_any("key.vlan");
    first_ = find.number("value.first");
    last_ = find.number("value.last");
    first_unit_ns_ = unit_of(metric, "first");
    last_unit_ns_ = unit_of(metric, "last");
    packets_ = find.number_if_any("value.wire_packets");
    if (!packets_)
        packets_ = find.number("value.packets");
    bytes_ = find.number("value.bytes");
    tcp_flags_ = find.number_if_any("value.tcp_flags");
    tos_ = find.number_if_any("value.tos");
    flows_ = find.number_if_any("value.flows");
    if (metric.stays)
        throw Error(ErrorKind::usage, "metric '" + metric.name + "' is not emptied when it is " +
                                          "read: every window would count its flows again")
            .hint("give it extraction-options: {empty-on-read: true}");
}

FlowRecord FlowFields::read(const Row& row) const {
    FlowRecord flow;
    flow.key.saddr = saddr_.address(row.key);
    flow.key.daddr = daddr_.address(row.key);
    flow.key.sport = static_cast<std::uint16_t>(sport_.number(row.key));
    flow.key.dport = static_cast<std::uint16_t>(dport_.number(row.key));
    flow.key.vlan = static_cast<std::uint16_t>(vlan_.number(row.key));
    flow.key.proto = static_cast<std::uint8_t>(proto_.number(row.key));
    flow.key.ip_version = version_of(ip_version_, row.key, flow.key.saddr, flow.key.daddr);
    if (is_icmp(flow.key) && !dport_)
        flow.key.dport = icmp_unknown;
    flow.key.egress = egress_;
    flow.first_ns = first_.number(row.value) * first_unit_ns_;
    flow.last_ns = last_.number(row.value) * last_unit_ns_;
    flow.packets = packets_.number(row.value);
    flow.bytes = bytes_.number(row.value);
    flow.tcp_flags = static_cast<std::uint8_t>(tcp_flags_.number(row.value));
    flow.tos = static_cast<std::uint8_t>(tos_.number(row.value));
    flow.flows = std::max(static_cast<std::uint32_t>(flows_.number(row.value)), 1u);
    return flow;
}

} // namespace dynmon
