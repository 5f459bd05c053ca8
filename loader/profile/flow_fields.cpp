#include "profile/flow_fields.hpp"

#include <algorithm>

namespace dynmon {

namespace {

// Nanoseconds of the unit of a time since the epoch; 0 for what is none.
std::uint64_t unit_of(Meaning meaning) {
    switch (meaning) {
    case Meaning::time_ns:
        return 1;
    case Meaning::time_us:
        return 1'000;
    case Meaning::time_ms:
        return 1'000'000;
    case Meaning::time_s:
        return 1'000'000'000;
    default:
        return 0;
    }
}

void copy_address(const std::byte* from, bool is_v4, std::array<std::uint8_t, 16>& to) {
    if (!is_v4) {
        std::memcpy(to.data(), from, to.size());
        return;
    }
    to[10] = to[11] = 0xff;
    std::memcpy(to.data() + 12, from, 4);
}

bool is_mapped_v4(const std::array<std::uint8_t, 16>& address) {
    return std::all_of(address.begin(), address.begin() + 10,
                       [](auto byte) { return byte == 0; }) &&
           address[10] == 0xff && address[11] == 0xff;
}

template <typename Integer>
Integer number(const FieldValue& field, const std::byte* root) {
    return static_cast<Integer>(field.integer(root));
}

template <typename Integer>
void read_if(const std::optional<FieldValue>& field, const std::byte* root, Integer& to) {
    if (field)
        to = number<Integer>(*field, root);
}

} // namespace

// Notes the first field that is needed and not there, or not of the kind that is needed.
class FieldSearch {
public:
    FieldSearch(const MetricView& metric, std::string& lack) : metric_(metric), lack_(lack) {}

    std::optional<FlowFields> run() {
        const auto saddr = address("saddr"), daddr = address("daddr");
        const auto proto = integer(true, "proto");
        const auto first = time("first"), last = time("last");
        auto packets = integer(false, "wire_packets", optional);
        if (!packets)
            packets = integer(false, "packets");
        const auto bytes = integer(false, "bytes");
        if (!lack_.empty())
            return std::nullopt;
        FlowFields found(*saddr, *daddr, *proto, *first, *last, *packets, *bytes);
        found.direction_ = metric_.direction == Direction::egress ? 1 : 0;
        found.sport_ = integer(true, "sport", optional);
        found.dport_ = integer(true, "dport", optional);
        found.ip_version_ = integer(true, "ip_version", optional);
        found.vlan_ = integer(true, "vlan", optional);
        found.tcp_flags_ = integer(false, "tcp_flags", optional);
        found.tos_ = integer(false, "tos", optional);
        found.flows_ = integer(false, "flows", optional);
        return found;
    }

private:
    static constexpr bool optional = false;

    std::unique_ptr<Layout> find(bool in_key, const char* name, bool needed) {
        std::unique_ptr<Layout> field;
        if (!in_key || metric_.key)
            field = find_field(in_key ? *metric_.key : metric_.value, name);
        if (!field && needed)
            note(in_key, name, "");
        return field;
    }

    void note(bool in_key, const char* name, const char* fault) {
        if (lack_.empty())
            lack_ = std::string(in_key ? "key." : "value.") + name + fault;
    }

    std::optional<FieldValue> integer(bool in_key, const char* name, bool needed = true) {
        const auto field = find(in_key, name, needed);
        if (!field)
            return std::nullopt;
        if (is_scalar(*field) && value_class(*field) == ValueClass::integer)
            return FieldValue(*field);
        if (needed)
            note(in_key, name, " as an integer");
        return std::nullopt;
    }

    std::optional<FlowFields::Address> address(const char* name) {
        const auto field = find(true, name, true);
        if (!field)
            return std::nullopt;
        const Meaning meaning = field->meaning;
        if (meaning == Meaning::ip || meaning == Meaning::ipv4 || meaning == Meaning::ipv6)
            return FlowFields::Address{FieldValue(*field), meaning == Meaning::ipv4};
        note(true, name, " as an address (dynmon_ip_t, dynmon_ipv4_t or dynmon_ipv6_t)");
        return std::nullopt;
    }

    std::optional<FlowFields::Time> time(const char* name) {
        const auto field = find(false, name, true);
        if (!field)
            return std::nullopt;
        if (const std::uint64_t unit = unit_of(field->meaning))
            return FlowFields::Time{FieldValue(*field), unit};
        note(false, name, " as a time since the epoch (dynmon_time_ns_t)");
        return std::nullopt;
    }

    const MetricView& metric_;
    std::string& lack_;
};

std::optional<FlowFields> FlowFields::find(const MetricView& metric, std::string& lack) {
    lack.clear();
    return FieldSearch(metric, lack).run();
}

FlowRecord FlowFields::read(const Row& row) const {
    FlowRecord flow;
    copy_address(saddr_.value.bytes(row.key), saddr_.is_v4, flow.key.saddr);
    copy_address(daddr_.value.bytes(row.key), daddr_.is_v4, flow.key.daddr);
    flow.key.ip_version = is_mapped_v4(flow.key.saddr) && is_mapped_v4(flow.key.daddr) ? 4 : 6;
    flow.key.proto = number<std::uint8_t>(proto_, row.key);
    flow.key.egress = direction_;
    read_if(sport_, row.key, flow.key.sport);
    read_if(dport_, row.key, flow.key.dport);
    read_if(ip_version_, row.key, flow.key.ip_version);
    read_if(vlan_, row.key, flow.key.vlan);
    flow.first_ns = number<std::uint64_t>(first_.value, row.value) * first_.unit_ns;
    flow.last_ns = number<std::uint64_t>(last_.value, row.value) * last_.unit_ns;
    flow.packets = number<std::uint64_t>(packets_, row.value);
    flow.bytes = number<std::uint64_t>(bytes_, row.value);
    read_if(tcp_flags_, row.value, flow.tcp_flags);
    read_if(tos_, row.value, flow.tos);
    read_if(flows_, row.value, flow.flows);
    flow.flows = std::max<std::uint32_t>(flow.flows, 1);
    return flow;
}

} // namespace dynmon
