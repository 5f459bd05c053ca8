// SPDX-License-Identifier: BSD-2-Clause
// Writes what the profile `lucid` makes of some packets, and the packets, for lucid_test.py.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>

#define DOCTEST_CONFIG_IMPLEMENT
#include "export/sessions.hpp"

using namespace dynmon;
using namespace dynmon::test;

namespace {

struct Ends {
    const char* low;
    std::uint16_t low_port;
    const char* high;
    std::uint16_t high_port;
    std::uint8_t protocol;
};

constexpr Ends conversations[] = {
    {"10.0.0.1", 5000, "10.0.0.2", 80, 6},      {"10.0.0.1", 5000, "10.0.0.2", 80, 17},
    {"10.0.0.1", 53, "192.168.7.1", 40000, 17}, {"10.0.0.9", 0, "10.0.0.10", 0, 1},
    {"10.0.0.9", 7, "10.0.0.9", 8, 6},          {"fd00::1", 1, "fd00::2", 2, 6}};

Packet random_packet(std::mt19937& random, std::uint64_t timestamp) {
    const auto below = [&](std::uint32_t end) { return random() % end; };
    const Ends& ends = conversations[below(std::size(conversations))];
    Packet packet{};
    packet.id = session_key(ends.low, ends.low_port, ends.high, ends.high_port, ends.protocol);
    packet.timestamp = timestamp;
    packet.length = below(65536);
    packet.ip_flags = static_cast<std::uint16_t>(below(65536));
    packet.reverse = below(2);
    constexpr std::uint8_t of_tcp_and_udp[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  12,
                                               13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};
    packet.app = of_tcp_and_udp[below(std::size(of_tcp_and_udp))];
    if (ends.protocol == 6) {
        packet.tcp_length = below(65536);
        packet.tcp_ack = random();
        packet.tcp_flags = static_cast<std::uint8_t>(below(256));
        packet.tcp_window = static_cast<std::uint16_t>(below(65536));
    } else if (ends.protocol == 17) {
        packet.udp_size = static_cast<std::uint16_t>(below(65528));
    } else {
        packet.app = static_cast<std::uint8_t>(below(2)); // nothing or data
        packet.icmp_type = static_cast<std::uint8_t>(below(256));
    }
    return packet;
}

std::string line(const Packet& packet) {
    const auto text = [](const Address& address) {
        char name[INET6_ADDRSTRLEN];
        const bool v6 = address.bytes[0] != 0;
        return std::string(
            inet_ntop(v6 ? AF_INET6 : AF_INET, address.bytes + (v6 ? 0 : 12), name, sizeof name));
    };
    const Key& id = packet.id;
    nlohmann::json ends = {text(id.saddr), ntohs(id.sport), text(id.daddr), ntohs(id.dport)};
    if (packet.reverse != 0)
        ends = {ends[2], ends[3], ends[0], ends[1]};
    ends.push_back(id.proto);
    return nlohmann::json{
        packet.timestamp,  ends,           packet.app,       packet.length,     packet.ip_flags,
        packet.tcp_length, packet.tcp_ack, packet.tcp_flags, packet.tcp_window, packet.udp_size,
        packet.icmp_type}
        .dump();
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 3)
        return 1;
    doctest::Context context; // what the helpers assert is fatal here
    context.setAsDefaultForAssertsOutOfTestCases();
    context.setAssertHandler([](const doctest::AssertData& assertion) {
        if (assertion.m_failed)
            std::abort();
    });
    const std::string folder = argv[1];
    std::mt19937 random(static_cast<std::uint32_t>(std::stoul(argv[2])));
    std::vector<Packet> packets;
    std::uint64_t timestamp = noon;
    for (int i = 0; i < 300; ++i) { // now and then out of order, as of two CPUs
        timestamp += random() % 100'000'000;
        packets.push_back(random_packet(random, timestamp - random() % 1'000'000));
        std::cout << line(packets.back()) << '\n';
    }
    const auto formatter = make_lucid_formatter({.packets = 10, .seconds = 12.5});
    for (const OutFile& file : render_ddos(*formatter, packets, {}, {}))
        std::ofstream(folder + '/' + file.name) << file.text;
    return 0;
}
