// SPDX-License-Identifier: BSD-2-Clause
// The probe `features`: three pauses, each with its own end, and no place given twice.
#include <set>

#include <doctest/doctest.h>

#include "features.skel.h"
#include "sessions.hpp"

namespace {

using Probe = Loaded<features_bpf>;

constexpr std::uint64_t second = 1'000'000'000;

std::vector<Record> buffer(const Probe& probe) {
    std::vector<Record> result;
    const bpf_map* map = probe->maps.PACKET_BUFFER;
    std::vector<std::byte> value(bpf_map__value_size(map));
    for (__u32 i = 0; i < bpf_map__max_entries(map); ++i) {
        REQUIRE(bpf_map_lookup_elem(bpf_map__fd(map), &i, value.data()) == 0);
        result.emplace_back(probe->obj, "features", value);
    }
    return result;
}

// The source port of each packet in the buffer, up to the first place that was never written.
std::vector<int> ports(const Probe& probe) {
    std::vector<int> result;
    for (const Record& packet : buffer(probe)) {
        if (packet.of("timestamp") == 0)
            break;
        result.push_back(ntohs(packet.key("id").sport));
    }
    return result;
}

std::uint64_t missed(const Probe& probe, const char* why) {
    const __u32 zero = 0;
    return Value(probe->obj, probe->maps.FEATURES_MISSED_INGRESS, &zero).sum(why);
}

std::uint64_t info(const Probe& probe, const char* what) {
    const __u32 zero = 0;
    return Value(probe->obj, probe->maps.CAPTURE_INFO, &zero).sum(what);
}

Bytes frame(std::uint16_t port) {
    return ethernet(ETH_P_IP, ipv4({}, tcp({.source = port})));
}

struct Limits {
    std::uint32_t sessions, packets, places;
};

Probe::Setup with(const Limits& limits) {
    return [=](features_bpf& skeleton) {
        skeleton.rodata->n_session = limits.sessions;
        skeleton.rodata->n_packet_per_session = limits.packets;
        skeleton.rodata->session_accept_restart = 5 * second;
        skeleton.rodata->session_packet_restart = 2 * second;
        skeleton.rodata->buffer_packet_restart = second;
        REQUIRE(bpf_map__set_max_entries(skeleton.maps.PACKET_BUFFER, limits.places) == 0);
    };
}

// However slow the machine is, nothing starts again.
Probe::Setup without_restarts(const Limits& limits) {
    return [=](features_bpf& skeleton) {
        with(limits)(skeleton);
        skeleton.rodata->session_accept_restart = 3600 * second;
        skeleton.rodata->session_packet_restart = 3600 * second;
        skeleton.rodata->buffer_packet_restart = 3600 * second;
    };
}

// Packets at times of one's choice: the clock is set instead of waiting.
class Timeline {
public:
    explicit Timeline(const Limits& limits) : probe_("features_ingress", with(limits)) {}

    void at(double seconds, std::initializer_list<std::uint16_t> from) {
        probe_->data_dynmon->dynmon_clock_base =
            static_cast<__s64>((1000 + seconds) * 1e9) - read_clock(CLOCK_MONOTONIC);
        for (const std::uint16_t port : from)
            run(probe_.fd(), frame(port));
    }
    const Probe& probe() const { return probe_; }

private:
    Probe probe_;
};

using Ports = std::vector<int>;

} // namespace

TEST_CASE("features: packets fill the buffer with the same features as those of ddos") {
    Probe probe("features_ingress_xdp");
    run(probe.fd(),
        ethernet(ETH_P_IP, ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"},
                                tcp({.flags = 0x18, .ack = 5, .window = 6}, payload(7)))));
    run(probe.fd(), ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP}, udp(1, 53, payload(300)))));
    const auto packets = buffer(probe);
    CHECK(packets[0].of("tcpLen") == 7);
    CHECK(packets[0].of("tcpAck") == 5);
    CHECK(packets[0].of("tcpWin") == 6);
    CHECK(packets[0].of("tcpFlags") == 0x18);
    CHECK(packets[0].of("reverse") == 1);
    CHECK(text(packets[0].key("id")) == "6 10.0.0.1:443 - 10.0.0.2:40000");
    CHECK(packets[1].of("udpSize") == 300);
    CHECK(packets[1].of("app") == 2);
    CHECK(packets[2].of("timestamp") == 0);
    CHECK(info(probe, "next_index") == 2);
    CHECK(info(probe, "n_session_tracking") == 2);
}

TEST_CASE("features: a session gets no more packets until it was quiet for its restart time") {
    Timeline time({5, 2, 10});
    time.at(0, {1, 1, 1});
    CHECK(missed(time.probe(), "packet_limit") == 1);
    time.at(1.9, {1});
    CHECK(missed(time.probe(), "packet_limit") == 2);
    CHECK(ports(time.probe()) == Ports{1, 1});
    time.at(2.1, {1, 2, 1, 1});
    CHECK(ports(time.probe()) == Ports{1, 1, 1, 2, 1});
    CHECK(missed(time.probe(), "packet_limit") == 3);
}

TEST_CASE("features: no more sessions are accepted until none was for the restart time") {
    Timeline time({2, 100, 200});
    time.at(0, {1, 2, 3, 1});
    CHECK(missed(time.probe(), "session_limit") == 1);
    CHECK(sessions(time.probe()->maps.SESSIONS_TRACKED).size() == 2); // 3 evicts no session
    time.at(4.9, {3, 2});
    CHECK(ports(time.probe()) == Ports{1, 2, 1, 2});
    time.at(5.1, {3, 1, 2}); // a new round: 3 and 1 are in it, 2 has to wait
    CHECK(ports(time.probe()) == Ports{1, 2, 1, 2, 3, 1});
    CHECK(missed(time.probe(), "session_limit") == 3);
    CHECK(info(time.probe(), "n_session_tracking") == 2);
    CHECK(info(time.probe(), "round") == 1);
}

TEST_CASE("features: a full buffer waits, and then starts from its head") {
    Timeline time({2, 2, 4});
    time.at(0, {1, 2, 1, 2});
    CHECK(ports(time.probe()) == Ports{1, 2, 1, 2});
    time.at(0.9, {1, 2});
    CHECK(missed(time.probe(), "buffer_full") == 2);
    time.at(5.1, {7});
    CHECK(ports(time.probe()) == Ports{7, 2, 1, 2});
    CHECK(info(time.probe(), "next_index") == 1);
}

TEST_CASE("features: CPUs at once never take one place twice") {
    constexpr std::uint32_t places = 40000;
    Probe probe("features_ingress", without_restarts({2, places / 2, places}));
    run_at_once(probe.fd(), {frame(1), frame(2)}, places / 2);
    std::multiset<int> written;
    for (const int port : ports(probe))
        written.insert(port);
    CHECK(written.count(1) == places / 2);
    CHECK(written.count(2) == places / 2);
    CHECK(info(probe, "next_index") == places);
    CHECK(info(probe, "n_session_tracking") == 2);
}

TEST_CASE("features: the limit of a session is exact on several CPUs") {
    Probe probe("features_ingress", without_restarts({1, 20000, 20000}));
    const Bytes back = ethernet(ETH_P_IP, ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"},
                                               tcp({.source = 443, .destination = 1})));
    run_at_once(probe.fd(), {frame(1), back}, 10000);
    CHECK(ports(probe).size() == 20000);
    CHECK(info(probe, "n_session_tracking") == 1);
    CHECK(missed(probe, "packet_limit") + missed(probe, "session_limit") +
              missed(probe, "buffer_full") ==
          0);
    run(probe.fd(), frame(1));
    CHECK(missed(probe, "buffer_full") == 1);
}

TEST_CASE("features: what belongs to no session is counted by reason") {
    Probe probe("features_ingress");
    run(probe.fd(), ethernet(ETH_P_ARP, payload(28)));
    run(probe.fd(), first(frame(1), 40));
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_SCTP}, payload(20))));
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_GRE}, payload(20))));
    for (const char* why : {"not_ip", "malformed", "other_protocol", "tunnel"})
        CHECK(missed(probe, why) == 1);
    CHECK(ports(probe).empty());
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({.fragment_offset = 9}, payload(64))));
    CHECK(ports(probe) == Ports{0});
    CHECK(missed(probe, "fragment") == 0);

    Probe strict("features_ingress",
                 [](features_bpf& skeleton) { skeleton.rodata->fragments = false; });
    run(strict.fd(), ethernet(ETH_P_IP, ipv4({.fragment_offset = 9}, payload(64))));
    CHECK(ports(strict).empty());
    CHECK(missed(strict, "fragment") == 1);
}
