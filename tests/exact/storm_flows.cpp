// SPDX-License-Identifier: BSD-2-Clause
#include "storm_flows.hpp"

namespace storm {

namespace {

constexpr std::size_t ethernet_header = 14;
constexpr std::size_t vlan_header = 4;
constexpr std::uint16_t vlan_id = 100;
constexpr std::uint8_t nobody = 0x99; // last byte of an address that no device has: no answers

// What all flows of one device have in common.
struct Ends {
    std::string source4;
    std::string destination4;
    std::string source6;
    std::string destination6;
};

Ends ends_of(std::size_t device) {
    const std::string net = std::to_string(device + 1);
    return {"10.1." + net + ".1", "10.1." + net + ".2", "2001:db8:" + net + "::1",
            "2001:db8:" + net + "::2"};
}

struct Ports {
    std::uint16_t source = 0;
    std::uint16_t destination = 0;
};

nlohmann::ordered_json key_of(const Ends& ends, int version, const char* proto, Ports ports,
                              std::uint16_t vlan) {
    return {{"saddr", version == 4 ? ends.source4 : ends.source6},
            {"daddr", version == 4 ? ends.destination4 : ends.destination6},
            {"sport", ports.source},
            {"dport", ports.destination},
            {"proto", proto},
            {"ip_version", version},
            {"vlan", vlan}};
}

Flow over_ipv4(const Ends& ends, std::uint8_t protocol, const char* name, Ports ports,
               const Bytes& body) {
    const Bytes packet = ipv4(
        {.protocol = protocol, .source = ends.source4, .destination = ends.destination4}, body);
    return {ethernet(ETH_P_IP, packet), static_cast<std::uint32_t>(packet.size()),
            key_of(ends, 4, name, ports, 0)};
}

Flow over_ipv6(const Ends& ends, std::uint8_t protocol, const char* name, Ports ports,
               const Bytes& body) {
    const Bytes packet =
        ipv6({.next = protocol, .source = ends.source6, .destination = ends.destination6}, body);
    return {ethernet(ETH_P_IPV6, packet), static_cast<std::uint32_t>(packet.size()),
            key_of(ends, 6, name, ports, 0)};
}

Flow udp4(const Ends& ends, Ports ports, std::size_t size) {
    return over_ipv4(ends, IPPROTO_UDP, "UDP", ports,
                     udp(ports.source, ports.destination, payload(size)));
}

Flow tcp4(const Ends& ends, Ports ports, std::uint8_t flags, std::size_t size) {
    return over_ipv4(ends, IPPROTO_TCP, "TCP", ports,
                     tcp({.source = ports.source, .destination = ports.destination, .flags = flags},
                         payload(size)));
}

Flow udp6(const Ends& ends, Ports ports, std::size_t size) {
    return over_ipv6(ends, IPPROTO_UDP, "UDP", ports,
                     udp(ports.source, ports.destination, payload(size)));
}

Flow tcp6(const Ends& ends, Ports ports, std::size_t size) {
    return over_ipv6(
        ends, IPPROTO_TCP, "TCP", ports,
        tcp({.source = ports.source, .destination = ports.destination}, payload(size)));
}

// The same packet with a tag in front: another flow.
Flow in_vlan(const Flow& plain) {
    const Bytes packet(plain.frame.begin() + ethernet_header, plain.frame.end());
    Flow tagged = plain;
    tagged.frame = ethernet(ETH_P_8021Q, vlan(vlan_id, ETH_P_IP, packet));
    tagged.key["vlan"] = vlan_id;
    return tagged;
}

// Bytes behind the IP packet, as a device that pads short frames leaves them.
Flow padded(Flow flow) {
    flow.frame.resize(flow.frame.size() + vlan_header, 0);
    return flow;
}

} // namespace

std::vector<Flow> flows_of(std::size_t device) {
    constexpr std::uint8_t syn = 0x02;
    constexpr std::uint8_t ack = 0x10;
    constexpr std::uint8_t fin_ack = 0x11;
    constexpr std::uint8_t echo_request = 8;
    const Ends ends = ends_of(device);
    std::vector<Flow> flows;
    std::uint16_t port = 1000;
    for (const std::size_t size : {18u, 33u, 64u, 200u, 513u, 1024u, 1472u})
        flows.push_back(udp4(ends, {++port, 53}, size));
    flows.push_back(padded(udp4(ends, {++port, 53}, 1)));
    flows.push_back(in_vlan(udp4(ends, {++port, 53}, 90)));
    flows.push_back(tcp4(ends, {++port, 443}, syn, 0));
    flows.push_back(tcp4(ends, {++port, 443}, ack, 1460));
    flows.push_back(tcp4(ends, {++port, 443}, fin_ack, 7));
    // ICMP: the destination port is type * 256 + code.
    flows.push_back(over_ipv4(ends, IPPROTO_ICMP, "ICMP", {0, echo_request * 256},
                              icmp(echo_request, 0, payload(56))));
    flows.push_back(udp6(ends, {++port, 53}, 400));
    flows.push_back(tcp6(ends, {++port, 443}, 12));
    for (Flow& flow : flows)
        flow.frame[5] = nobody;
    return flows;
}

} // namespace storm
