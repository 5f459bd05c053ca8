// SPDX-License-Identifier: BSD-2-Clause
// Sessions: the key of one, how files and documents name it, and its packets.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "export/fields.hpp"
#include "format/rows.hpp"

namespace dynmon {

struct Endpoint {
    IpBytes ip{};
    std::uint16_t port = 0;
    auto operator<=>(const Endpoint&) const = default;
};

struct SessionId {
    Endpoint source;
    Endpoint destination;
    std::uint8_t protocol = 0;
    std::uint16_t vlan = 0;
    std::uint8_t ip_version = 4;
    bool operator==(const SessionId&) const = default;
};

struct SessionIdHash {
    std::size_t operator()(const SessionId& id) const;
};

// Reads the fields saddr, daddr, sport, dport, proto and, where they are there, vlan and
// ip_version.
class SessionReader {
public:
    SessionReader() = default;
    // `prefix`: "key" or "value.id". Throws Error{usage} for a field that is not there.
    SessionReader(const FieldFinder& fields, const std::string& prefix);
    SessionId read(const std::byte* root) const;

private:
    Field saddr_, daddr_, sport_, dport_, proto_, vlan_, ip_version_;
};

// 4 or 6: what `said` reads, or where there is no such field what the addresses look like.
std::uint8_t version_of(const Field& said, const std::byte* root, const IpBytes& source,
                        const IpBytes& destination);
// "10.0.0.1", "fd00::1"; an IPv4-mapped address of IPv6 is "::ffff:10.0.0.1".
std::string address_text(const IpBytes& ip, std::uint8_t ip_version);
std::string protocol_text(std::uint8_t protocol); // "TCP"; the number where there is no name

// A session as its client and its server.
struct Sides {
    Endpoint client;
    Endpoint server;
    bool swapped = false; // the client is the key's destination
};

// The side whose address and port `server` is; where it is neither side's the destination counts as
// the server.
Sides sides_of(const SessionId& id, const Endpoint& server);

// "10.0.0.1-5000___10.0.0.2-80___TCP": client, server, protocol. In IPv6 addresses '-' stands for
// ':', so that every file system takes them; the port is behind the last '-'. A VLAN is added as
// "-vlan12".
std::string file_stem(const Sides& sides, const SessionId& id);

// The packets that the probe `ddos` has captured, by session.

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
