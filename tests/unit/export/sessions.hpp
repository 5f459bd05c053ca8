// SPDX-License-Identifier: BSD-2-Clause
// Metrics as the probes `ddos` and `crypto` have them, with entries made by hand.
#pragma once

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include <arpa/inet.h>

#include "export/output_dir.hpp"
#include "format/metrics.hpp"

namespace dynmon::test {

struct Address {
    std::uint8_t bytes[16];
};

inline Address address(const std::string& text) {
    Address result{};
    const bool v6 = text.find(':') != std::string::npos;
    if (!v6)
        result.bytes[10] = result.bytes[11] = 0xff;
    if (inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), result.bytes + (v6 ? 0 : 12)) != 1)
        throw std::invalid_argument(text);
    return result;
}

struct Key {
    Address saddr, daddr;
    std::uint16_t sport, dport; // network order
    std::uint8_t proto, ip_version;
    std::uint16_t vlan;
};

inline Key session_key(const std::string& saddr, std::uint16_t sport, const std::string& daddr,
                       std::uint16_t dport, std::uint8_t proto = 6, std::uint16_t vlan = 0) {
    const bool v6 = saddr.find(':') != std::string::npos;
    return {address(saddr),
            address(daddr),
            htons(sport),
            htons(dport),
            proto,
            v6 ? std::uint8_t{6} : std::uint8_t{4},
            vlan};
}

struct Packet {
    Key id;
    std::uint64_t timestamp;
    std::uint32_t length, tcp_length, tcp_ack;
    std::uint16_t ip_flags, tcp_window, udp_size, segments;
    std::uint8_t tcp_flags, icmp_type, reverse, direction, app, pad[3];
};

struct Tracked {
    Address server_ip;
    std::uint16_t server_port;
    std::uint8_t pad[6];
    std::uint64_t n_packets;
};

struct Counted {
    std::uint64_t packets, packets_reverse, bytes, bytes_reverse, start, alive;
    Address server_ip;
    std::uint16_t server_port;
    std::uint8_t method;
    std::uint8_t pad[5];
};

class Sessions {
public:
    Sessions() {
        const int bytes16 = types.array(types.u8, 16);
        const int ip = types.alias("dynmon_ip_t", types.group("ip", 16, {{"bytes", bytes16, 0}}));
        const int port = types.alias("dynmon_port_t", types.u16);
        const int proto = types.alias("dynmon_proto_t", types.u8);
        const int time = types.alias("dynmon_time_ns_t", types.u64);
        key = types.group("dynmon_session_key", sizeof(Key),
                          {{"saddr", ip, 0},
                           {"daddr", ip, 128},
                           {"sport", port, 256},
                           {"dport", port, 272},
                           {"proto", proto, 288},
                           {"ip_version", types.u8, 296},
                           {"vlan", types.u16, 304}});
        packet = types.group("features", sizeof(Packet),
                             {{"id", key, 0},
                              {"timestamp", time, 320},
                              {"length", types.u32, 384},
                              {"tcpLen", types.u32, 416},
                              {"tcpAck", types.u32, 448},
                              {"ipFlagsFrag", types.u16, 480},
                              {"tcpWin", types.u16, 496},
                              {"udpSize", types.u16, 512},
                              {"segments", types.u16, 528},
                              {"tcpFlags", types.u8, 544},
                              {"icmpType", types.u8, 552},
                              {"reverse", types.u8, 560},
                              {"direction", types.u8, 568},
                              {"app", types.u8, 576}});
        tracked = types.group(
            "session_value", sizeof(Tracked),
            {{"server_ip", ip, 0}, {"server_port", port, 128}, {"n_packets", types.u64, 192}});
        counted = types.group("features", sizeof(Counted),
                              {{"n_packets", types.u64, 0},
                               {"n_packets_reverse", types.u64, 64},
                               {"n_bytes", types.u64, 128},
                               {"n_bytes_reverse", types.u64, 192},
                               {"start_timestamp", time, 256},
                               {"alive_timestamp", time, 320},
                               {"server_ip", ip, 384},
                               {"server_port", port, 512},
                               {"method", types.u8, 528}});
    }

    MetricView packets() const {
        MetricView view;
        view.name = "packets_buffer_ddos";
        view.map_name = "PACKET_BUFFER_DDOS";
        view.map_type = BPF_MAP_TYPE_QUEUE;
        view.value = types.layout(packet, sizeof(Packet));
        return view;
    }

    MetricView sessions() const {
        MetricView view;
        view.name = "sessions_tracked_ddos";
        view.map_name = "SESSIONS_TRACKED_DDOS";
        view.map_type = BPF_MAP_TYPE_HASH;
        view.key = types.layout(key, sizeof(Key), {}, "key");
        view.value = types.layout(tracked, sizeof(Tracked));
        return view;
    }

    MetricView crypto(std::size_t cpus) const {
        MetricView view;
        view.name = "sessions_tracked_crypto";
        view.map_name = "SESSIONS_TRACKED_CRYPTO";
        view.map_type = BPF_MAP_TYPE_PERCPU_HASH;
        view.key = types.layout(key, sizeof(Key), {}, "key");
        view.value = types.layout(counted, sizeof(Counted));
        view.cpus = cpus;
        return view;
    }

    Types types;
    int key, packet, tracked, counted;
};

inline Batch queue_batch(const std::vector<Packet>& packets) {
    return {packets.size(), nullptr, reinterpret_cast<const std::byte*>(packets.data()), 0,
            sizeof(Packet)};
}

inline WindowName window_name(std::uint64_t iteration) {
    return {"web", window_7, iteration};
}

// What a formatter of the ddos probe's metrics makes of these.
inline std::vector<OutFile> render_ddos(WindowFormatter& formatter,
                                        const std::vector<Packet>& packets,
                                        const std::vector<Key>& keys,
                                        const std::vector<Tracked>& values,
                                        std::uint64_t iteration = 0) {
    const Sessions made;
    const MetricView packet_view = made.packets(), session_view = made.sessions();
    formatter.clear();
    formatter.begin(packet_view);
    formatter.add(queue_batch(packets));
    formatter.begin(session_view);
    formatter.add(batch(keys, values));
    return formatter.files(window_name(iteration));
}

} // namespace dynmon::test
