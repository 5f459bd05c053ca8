// Finds the fields of a flow table by their names, and reads its entries as flows.
#pragma once

#include <optional>
#include <string>

#include "export/rows.hpp"
#include "profile/flow_record.hpp"
#include "query/field_value.hpp"

namespace dynmon {

class FlowFields {
public:
    // Nothing when `metric` is no flow table; `lack` then names what it does not have. Needed are
    // key.saddr, key.daddr, key.proto, value.first, value.last, value.bytes and value.packets (or
    // wire_packets, which is preferred). Used when there: key.sport, key.dport, key.ip_version,
    // key.vlan, value.tcp_flags, value.tos, value.flows.
    static std::optional<FlowFields> find(const MetricView& metric, std::string& lack);

    FlowRecord read(const Row& row) const;

private:
    struct Time {
        FieldValue value;
        std::uint64_t unit_ns;
    };
    struct Address {
        FieldValue value;
        bool is_v4; // 4 bytes
    };
    FlowFields(Address saddr, Address daddr, FieldValue proto, Time first, Time last,
               FieldValue packets, FieldValue bytes)
        : saddr_(saddr), daddr_(daddr), proto_(proto), first_(first), last_(last),
          packets_(packets), bytes_(bytes) {}
    friend class FieldSearch;

    std::uint8_t direction_ = 0;
    Address saddr_, daddr_;
    FieldValue proto_;
    Time first_, last_;
    FieldValue packets_, bytes_;
    std::optional<FieldValue> sport_, dport_, ip_version_, vlan_, tcp_flags_, tos_, flows_;
};

} // namespace dynmon
