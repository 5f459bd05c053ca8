// SPDX-License-Identifier: BSD-2-Clause
#include "export/packets.hpp"

namespace dynmon {

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
