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

} // namespace dynmon
