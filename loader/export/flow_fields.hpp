// SPDX-License-Identifier: BSD-2-Clause
// Finds the fields of a flow table by their names, and reads its entries as flows.
#pragma once

#include <string_view>

#include "export/fields.hpp"
#include "export/flow_record.hpp"
#include "format/rows.hpp"

namespace dynmon {

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

} // namespace dynmon
