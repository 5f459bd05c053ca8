// SPDX-License-Identifier: BSD-2-Clause
#include "export/session.hpp"

#include <algorithm>
#include <string_view>

#include "decode/text.hpp"

namespace dynmon {

std::size_t SessionIdHash::operator()(const SessionId& id) const {
    const auto text = [](const IpBytes& ip) {
        return std::string_view(reinterpret_cast<const char*>(ip.data()), ip.size());
    };
    const std::hash<std::string_view> hash;
    const std::size_t rest = std::size_t{id.source.port} << 40 ^
                             std::size_t{id.destination.port} << 24 ^ std::size_t{id.vlan} << 8 ^
                             std::size_t{id.ip_version} << 56 ^ id.protocol;
    return (hash(text(id.source.ip)) * 31 + hash(text(id.destination.ip))) * 31 +
           std::hash<std::size_t>()(rest);
}

SessionReader::SessionReader(const FieldFinder& fields, const std::string& prefix)
    : saddr_(fields.address(prefix + ".saddr")), daddr_(fields.address(prefix + ".daddr")),
      sport_(fields.number(prefix + ".sport")), dport_(fields.number(prefix + ".dport")),
      proto_(fields.number(prefix + ".proto")), vlan_(fields.number_if_any(prefix + ".vlan")),
      ip_version_(fields.number_if_any(prefix + ".ip_version")) {}

SessionId SessionReader::read(const std::byte* root) const {
    SessionId id{{saddr_.address(root), static_cast<std::uint16_t>(sport_.number(root))},
                 {daddr_.address(root), static_cast<std::uint16_t>(dport_.number(root))},
                 static_cast<std::uint8_t>(proto_.number(root)),
                 static_cast<std::uint16_t>(vlan_.number(root))};
    id.ip_version = version_of(ip_version_, root, id.source.ip, id.destination.ip);
    return id;
}

std::uint8_t version_of(const Field& said, const std::byte* root, const IpBytes& source,
                        const IpBytes& destination) {
    const std::uint64_t version = said.number(root);
    if (version == 4 || version == 6)
        return static_cast<std::uint8_t>(version);
    const auto mapped = [](const IpBytes& ip) {
        return is_mapped(reinterpret_cast<const std::byte*>(ip.data()));
    };
    return mapped(source) && mapped(destination) ? 4 : 6;
}

std::string address_text(const IpBytes& ip, std::uint8_t ip_version) {
    char text[longest_text];
    const auto* bytes = reinterpret_cast<const std::byte*>(ip.data());
    const char* const end = ip_version == 6 ? put_ipv6(text, bytes) : put_ip(text, bytes);
    return std::string(static_cast<const char*>(text), end);
}

std::string protocol_text(std::uint8_t protocol) {
    const std::string_view name = protocol_name(protocol);
    return name.empty() ? std::to_string(protocol) : std::string(name);
}

Sides sides_of(const SessionId& id, const Endpoint& server) {
    const bool is_source = server.ip != IpBytes{} && server.ip == id.source.ip;
    const bool is_destination = server.ip == id.destination.ip;
    const bool swapped = is_source && (!is_destination || server.port == id.source.port);
    if (swapped)
        return {id.destination, id.source, true};
    return {id.source, id.destination, false};
}

std::string file_stem(const Sides& sides, const SessionId& id) {
    const auto endpoint = [&](const Endpoint& side) {
        std::string text = address_text(side.ip, id.ip_version);
        std::replace(text.begin(), text.end(), ':', '-');
        return text + '-' + std::to_string(side.port);
    };
    return endpoint(sides.client) + "___" + endpoint(sides.server) + "___" +
           protocol_text(id.protocol) + (id.vlan != 0 ? "-vlan" + std::to_string(id.vlan) : "");
}

namespace {

template <typename Integer>
Integer get(const Field& field, const std::byte* root) {
    return static_cast<Integer>(field.number(root));
}

} // namespace

void Conversations::clear() {
    all_.clear();
    index_.clear();
    packets_ = 0;
}

void Conversations::begin(const MetricView& metric) {
    const std::string needed_by = "profile '" + profile_ + "'";
    in_packets_ = metric.name == packet_metric;
    if (in_packets_)
        return begin_packets(FieldFinder(metric, needed_by));
    rows_.emplace(metric);
    begin_sessions(FieldFinder(rows_->view(), needed_by));
}

void Conversations::begin_packets(const FieldFinder& fields) {
    for (const std::string& name : needed_)
        fields.number("value." + name);
    packet_ = {.id = SessionReader(fields, "value.id"),
               .timestamp = fields.number("value.timestamp"),
               .length = fields.number_if_any("value.length"),
               .tcp_length = fields.number_if_any("value.tcpLen"),
               .tcp_ack = fields.number_if_any("value.tcpAck"),
               .ip_flags = fields.number("value.ipFlagsFrag"),
               .tcp_window = fields.number("value.tcpWin"),
               .udp_length = fields.number("value.udpSize"),
               .tcp_flags = fields.number("value.tcpFlags"),
               .icmp_type = fields.number("value.icmpType"),
               .app = fields.number_if_any("value.app"),
               .reverse = fields.number_if_any("value.reverse")};
}

void Conversations::begin_sessions(const FieldFinder& fields) {
    key_ = SessionReader(fields, "key");
    server_ip_ = fields.address("value.server_ip");
    server_port_ = fields.number_if_any("value.server_port");
    seen_ = fields.number_if_any("value.n_packets");
}

void Conversations::add(const Batch& batch) {
    if (in_packets_) {
        for (std::size_t i = 0; i < batch.count; ++i)
            add_packet(batch.values + i * batch.value_stride);
        return;
    }
    rows_->for_each(batch, [this](const Row& row) { add_session(row.key, row.value); });
}

Conversation& Conversations::at(const SessionId& id) {
    const auto [found, is_new] = index_.try_emplace(id, all_.size());
    if (is_new)
        all_.push_back({.id = id, .server = {}, .seen = 0, .packets = {}});
    return all_[found->second];
}

void Conversations::add_packet(const std::byte* value) {
    at(packet_.id.read(value))
        .packets.push_back({.timestamp = packet_.timestamp.number(value),
                            .length = get<std::uint32_t>(packet_.length, value),
                            .tcp_length = get<std::uint32_t>(packet_.tcp_length, value),
                            .tcp_ack = get<std::uint32_t>(packet_.tcp_ack, value),
                            .ip_flags = get<std::uint16_t>(packet_.ip_flags, value),
                            .tcp_window = get<std::uint16_t>(packet_.tcp_window, value),
                            .udp_length = get<std::uint16_t>(packet_.udp_length, value),
                            .tcp_flags = get<std::uint8_t>(packet_.tcp_flags, value),
                            .icmp_type = get<std::uint8_t>(packet_.icmp_type, value),
                            .app = get<std::uint8_t>(packet_.app, value),
                            .is_reverse = packet_.reverse.number(value) != 0});
    ++packets_;
}

void Conversations::add_session(const std::byte* key, const std::byte* value) {
    Conversation& found = at(key_.read(key));
    found.server = {server_ip_.address(value), get<std::uint16_t>(server_port_, value)};
    found.seen += seen_.number(value);
}

} // namespace dynmon
