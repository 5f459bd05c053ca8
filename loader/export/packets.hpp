// SPDX-License-Identifier: BSD-2-Clause
// The packets that the probe `ddos` has captured, by session.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "export/session.hpp"
#include "format/rows.hpp"

namespace dynmon {

struct PacketRecord {
    std::uint64_t timestamp = 0; // ns since the Unix epoch
    std::uint32_t length = 0;    // of IP
    std::uint32_t tcp_length = 0;
    std::uint32_t tcp_ack = 0;
    std::uint16_t ip_flags = 0; // with the fragment offset
    std::uint16_t tcp_window = 0;
    std::uint16_t udp_length = 0; // of the payload
    std::uint8_t tcp_flags = 0;
    std::uint8_t icmp_type = 0;
    std::uint8_t app = 0;    // enum dynmon_app
    bool is_reverse = false; // sent by the session's destination
};

struct Conversation {
    SessionId id;
    Endpoint server;
    std::uint64_t seen = 0; // packets, also those that were not captured
    std::vector<PacketRecord> packets;
};

// Gathers both metrics, in whichever order they come: a packet whose session is not in the table
// makes it, with an unknown server.
class Conversations {
public:
    static constexpr std::string_view packet_metric = "packets_buffer_ddos";
    static constexpr std::string_view session_metric = "sessions_tracked_ddos";

    // `profile` is for the errors. `needed`: fields of a packet that must be there although this
    // gets along without.
    Conversations(std::string profile, std::vector<std::string> needed)
        : profile_(std::move(profile)), needed_(std::move(needed)) {}

    void clear();
    void begin(const MetricView& metric);
    void add(const Batch& batch);

    // In the order of their first packets; behind them those without any.
    const std::vector<Conversation>& all() const { return all_; }
    std::uint64_t packet_count() const { return packets_; }

private:
    struct PacketFields {
        SessionReader id;
        Field timestamp, length, tcp_length, tcp_ack, ip_flags, tcp_window, udp_length, tcp_flags,
            icmp_type, app, reverse;
    };

    void begin_packets(const FieldFinder& fields);
    void begin_sessions(const FieldFinder& fields);
    void add_packet(const std::byte* value);
    void add_session(const std::byte* key, const std::byte* value);
    Conversation& at(const SessionId& id);

    std::string profile_;
    std::vector<std::string> needed_;
    bool in_packets_ = false;
    PacketFields packet_;
    SessionReader key_;
    Field server_ip_, server_port_, seen_;
    std::optional<Rows> rows_;
    std::vector<Conversation> all_;
    std::unordered_map<SessionId, std::size_t, SessionIdHash> index_;
    std::uint64_t packets_ = 0;
};

} // namespace dynmon
