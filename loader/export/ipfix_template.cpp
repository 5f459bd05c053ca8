// SPDX-License-Identifier: BSD-2-Clause
#include "export/ipfix_template.hpp"

#include <array>

namespace dynmon::ipfix {

namespace {

constexpr std::uint16_t template_set = 2;
constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::size_t set_header = 4;

using Flow = FlowRecord;

constexpr Element number(std::uint16_t id, std::uint16_t size,
                         std::uint64_t (*value)(const Flow&, const Domain&)) {
    return {id, size, value, nullptr};
}
constexpr Element bytes(std::uint16_t id, std::uint16_t size,
                        const std::uint8_t* (*value)(const Flow&)) {
    return {id, size, nullptr, value};
}

constexpr Element source_ipv4 =
    bytes(8, 4, [](const Flow& flow) { return flow.key.saddr.data() + 12; });
constexpr Element destination_ipv4 =
    bytes(12, 4, [](const Flow& flow) { return flow.key.daddr.data() + 12; });
constexpr Element source_ipv6 =
    bytes(27, 16, [](const Flow& flow) { return flow.key.saddr.data(); });
constexpr Element destination_ipv6 =
    bytes(28, 16, [](const Flow& flow) { return flow.key.daddr.data(); });
constexpr Element source_port =
    number(7, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.sport; });
constexpr Element destination_port =
    number(11, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.dport; });
constexpr Element icmp_ipv4 =
    number(32, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.dport; });
constexpr Element icmp_ipv6 =
    number(139, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.dport; });
constexpr Element protocol =
    number(4, 1, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.proto; });
constexpr Element tcp_flags =
    number(6, 1, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.tcp_flags; });
constexpr Element class_of_service =
    number(5, 1, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.tos; });
constexpr Element octets =
    number(1, 8, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.bytes; });
constexpr Element packets =
    number(2, 8, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.packets; });
constexpr Element flow_count =
    number(3, 4, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.flows; });
constexpr Element start = number(152, 8, [](const Flow& flow, const Domain&) -> std::uint64_t {
    return flow.first_ns / ns_per_ms;
});
constexpr Element end = number(153, 8, [](const Flow& flow, const Domain&) -> std::uint64_t {
    return flow.last_ns / ns_per_ms;
});
constexpr Element end_reason = number(136, 1, [](const Flow& flow, const Domain&) {
    return static_cast<std::uint64_t>(flow.reason);
});
constexpr Element direction =
    number(61, 1, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.egress; });
constexpr Element ingress_interface =
    number(10, 4, [](const Flow& flow, const Domain& domain) -> std::uint64_t {
        return flow.key.egress ? 0 : domain.interface;
    });
constexpr Element egress_interface =
    number(14, 4, [](const Flow& flow, const Domain& domain) -> std::uint64_t {
        return flow.key.egress ? domain.interface : 0;
    });
constexpr Element vlan =
    number(58, 2, [](const Flow& flow, const Domain&) -> std::uint64_t { return flow.key.vlan; });

template <typename... Special>
constexpr auto with_common(Special... special) {
    return std::array{
        special..., protocol,  class_of_service,  octets,           packets, flow_count, start, end,
        end_reason, direction, ingress_interface, egress_interface, vlan};
}

constexpr auto ipv4_elements =
    with_common(source_ipv4, destination_ipv4, source_port, destination_port, tcp_flags);
constexpr auto ipv6_elements =
    with_common(source_ipv6, destination_ipv6, source_port, destination_port, tcp_flags);
// Type and code are the destination port too: many collectors look for them there alone.
constexpr auto icmpv4_elements =
    with_common(source_ipv4, destination_ipv4, destination_port, icmp_ipv4);
constexpr auto icmpv6_elements =
    with_common(source_ipv6, destination_ipv6, destination_port, icmp_ipv6);
constexpr auto icmpv4_unknown_elements = with_common(source_ipv4, destination_ipv4);
constexpr auto icmpv6_unknown_elements = with_common(source_ipv6, destination_ipv6);

void put_number(std::uint64_t value, std::uint16_t size, std::string& out) {
    for (int shift = size * 8 - 8; shift >= 0; shift -= 8)
        out += static_cast<char>(value >> shift & 0xff);
}

} // namespace

std::span<const Element> elements_of(Template which) {
    switch (which) {
    case Template::ipv4:
        return ipv4_elements;
    case Template::ipv6:
        return ipv6_elements;
    case Template::icmpv4:
        return icmpv4_elements;
    case Template::icmpv6:
        return icmpv6_elements;
    case Template::icmpv4_unknown:
        return icmpv4_unknown_elements;
    case Template::icmpv6_unknown:
        return icmpv6_unknown_elements;
    }
    return {};
}

std::size_t record_size(Template which) {
    std::size_t size = 0;
    for (const Element& element : elements_of(which))
        size += element.size;
    return size;
}

void put_templates(std::string& out) {
    constexpr std::array all = {Template::ipv4,           Template::ipv6,
                                Template::icmpv4,         Template::icmpv6,
                                Template::icmpv4_unknown, Template::icmpv6_unknown};
    std::string templates;
    for (const Template which : all) {
        const auto elements = elements_of(which);
        put(static_cast<std::uint16_t>(which), templates);
        put(static_cast<std::uint16_t>(elements.size()), templates);
        for (const Element& element : elements) {
            put(element.id, templates);
            put(element.size, templates);
        }
    }
    put(template_set, out);
    put(static_cast<std::uint16_t>(set_header + templates.size()), out);
    out += templates;
}

void put_record(Template which, const FlowRecord& flow, const Domain& domain, std::string& out) {
    for (const Element& element : elements_of(which)) {
        if (element.bytes != nullptr)
            out.append(reinterpret_cast<const char*>(element.bytes(flow)), element.size);
        else
            put_number(element.number(flow, domain), element.size, out);
    }
}

} // namespace dynmon::ipfix
