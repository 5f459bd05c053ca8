// SPDX-License-Identifier: BSD-2-Clause
// Who talks to whom: the key of a session, and how files and documents name it.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "export/fields.hpp"

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

// Whose address and port `server` is; where it is nobody's the destination counts as the server.
Sides sides_of(const SessionId& id, const Endpoint& server);

// "10.0.0.1-5000___10.0.0.2-80___TCP": client, server, protocol. In IPv6 addresses '-' stands for
// ':', so that every file system takes them; the port is behind the last '-'. A VLAN is added as
// "-vlan12".
std::string file_stem(const Sides& sides, const SessionId& id);

} // namespace dynmon
