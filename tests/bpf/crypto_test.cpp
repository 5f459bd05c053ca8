// SPDX-License-Identifier: BSD-2-Clause
// The probe `crypto`: what adds up in a session, on which CPU what stands, and when it starts
// again.
#include <algorithm>

#include <doctest/doctest.h>

#include "crypto.skel.h"
#include "sessions.hpp"

namespace {

using Probe = Loaded<crypto_bpf>;

Value only_value(const Probe& probe) {
    const auto found = keys(probe->maps.SESSIONS_TRACKED_CRYPTO);
    REQUIRE(found.size() == 1);
    return Value(probe->obj, probe->maps.SESSIONS_TRACKED_CRYPTO, found[0].data());
}

std::uint64_t missed(const Probe& probe, const char* why) {
    const __u32 zero = 0;
    return Value(probe->obj, probe->maps.CRYPTO_MISSED_INGRESS, &zero).sum(why);
}

// How many of the CPUs have it.
unsigned copies_with(const Value& value, const char* name) {
    unsigned result = 0;
    for (std::size_t copy = 0; copy < value.copies(); ++copy)
        result += value.of(copy, name) != 0;
    return result;
}

Bytes there(const Bytes& body = {}, std::uint16_t source = 40000) {
    return ethernet(ETH_P_IP, ipv4({}, tcp({.source = source, .destination = 3333}, body)));
}

Bytes back(const Bytes& body = {}) {
    return ethernet(ETH_P_IP, ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"},
                                   tcp({.source = 3333, .destination = 40000}, body)));
}

} // namespace

TEST_CASE("crypto: packets and bytes count by the end that sent them, as on the wire") {
    for (const std::string program : {"crypto_ingress", "crypto_ingress_xdp", "crypto_egress"}) {
        CAPTURE(program);
        Probe probe(program);
        run(probe.fd(), there(payload(100)));
        run(probe.fd(), back(payload(7)));
        run(probe.fd(), there());
        CHECK(sessions(probe->maps.SESSIONS_TRACKED_CRYPTO) ==
              std::vector<std::string>{"6 10.0.0.1:40000 - 10.0.0.2:3333"});
        const Value counted = only_value(probe);
        CHECK(counted.sum("n_packets") == 2);
        CHECK(counted.sum("n_bytes") == 180);
        CHECK(counted.sum("n_packets_reverse") == 1);
        CHECK(counted.sum("n_bytes_reverse") == 47);
        CHECK(counted.sum("method") == 3);
        CHECK(ntohs(static_cast<std::uint16_t>(counted.sum("server_port"))) == 3333);
    }
}

TEST_CASE("crypto: a super-packet counts its segments and their headers") {
    Probe probe("crypto_ingress");
    run(probe.fd(), back(payload(1001)), {100, 11});
    const Value counted = only_value(probe);
    CHECK(counted.sum("n_packets_reverse") == 11);
    CHECK(counted.sum("n_bytes_reverse") == 11 * 40 + 1001);
    CHECK(counted.sum("n_packets") == 0);
}

TEST_CASE("crypto: sessions of UDP, IPv6 and VLANs; the rest is counted by reason") {
    Probe probe("crypto_ingress");
    run(probe.fd(), ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, udp(1, 2))));
    run(probe.fd(), ethernet(ETH_P_8021Q, vlan(7, ETH_P_IPV6, ipv6({}, tcp({})))));
    CHECK(sessions(probe->maps.SESSIONS_TRACKED_CRYPTO) ==
          std::vector<std::string>{"17 10.0.0.1:1 - 10.0.0.2:2",
                                   "6 2001:db8::1:40000 - 2001:db8::2:443 vlan 7"});
    const auto count = [&](const char* why, const Bytes& frame) {
        CAPTURE(why);
        const auto before = missed(probe, why);
        run(probe.fd(), frame);
        CHECK(missed(probe, why) == before + 1);
    };
    count("not_ip", ethernet(ETH_P_ARP, payload(28)));
    count("malformed", first(there(), 40));
    count("other_protocol", ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_ICMP}, icmp(8, 0))));
    count("other_protocol", ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_SCTP}, payload(20))));
    count("tunnel", ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_GRE}, payload(20))));
    count("fragment", ethernet(ETH_P_IP, ipv4({.fragment_offset = 9}, payload(64))));
    CHECK(keys(probe->maps.SESSIONS_TRACKED_CRYPTO).size() == 2);
}

TEST_CASE("crypto: a full table goes on with the sessions it has and counts the rest") {
    Probe probe("crypto_ingress", [](crypto_bpf& skeleton) {
        REQUIRE(bpf_map__set_max_entries(skeleton.maps.SESSIONS_TRACKED_CRYPTO, 4) == 0);
    });
    for (std::uint16_t port = 1; port <= 10; ++port)
        run(probe.fd(), there({}, port));
    run(probe.fd(), there({}, 1));
    CHECK(keys(probe->maps.SESSIONS_TRACKED_CRYPTO).size() == 4);
    CHECK(missed(probe, "map_full") == 6);
}

TEST_CASE("crypto: every CPU counts, one knows the server") {
    Probe probe("crypto_ingress");
    run_at_once(probe.fd(), {there(payload(9)), back()}, 10000);
    const Value counted = only_value(probe);
    CHECK(counted.sum("n_packets") == 10000);
    CHECK(counted.sum("n_packets_reverse") == 10000);
    CHECK(counted.sum("n_bytes") == 10000 * 49);
    CHECK(counted.sum("n_bytes_reverse") == 10000 * 40);
    CHECK(copies_with(counted, "method") == 1);
    CHECK(copies_with(counted, "server_port") == 1);
    CHECK(counted.sum("method") == 3);
    const unsigned cpus = copies_with(counted, "alive_timestamp");
    CHECK(cpus == std::min(2u, allowed_cpus()));
    CHECK(copies_with(counted, "start_timestamp") == cpus);
}

TEST_CASE(
    "crypto: each CPU that sees a SYN knows the server, and the smallest method is the best") {
    if (allowed_cpus() < 2)
        return;
    Probe probe("crypto_ingress");
    {
        const CpuPin pin(0);
        run(probe.fd(), back()); // the lower port is the source's
    }
    {
        const CpuPin pin(1);
        run(probe.fd(), there());
        CHECK(copies_with(only_value(probe), "method") == 1);
        run(probe.fd(),
            ethernet(ETH_P_IP, ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"},
                                    tcp({.source = 3333, .destination = 40000, .flags = 0x02}))));
    }
    const Value session = only_value(probe);
    CHECK(copies_with(session, "method") == 2);
    CHECK(session.sum("method") == 3 + 1);
    CHECK(session.sum("server_ip_version") == 4 + 4);
    for (std::size_t copy = 0; copy < session.copies(); ++copy) {
        const auto port = ntohs(static_cast<std::uint16_t>(session.of(copy, "server_port")));
        if (session.of(copy, "method") == 3)
            CHECK(port == 3333);
        else if (session.of(copy, "method") == 1)
            CHECK(port == 40000);
    }
}

TEST_CASE("crypto: the next window knows the server that this one has found") {
    Probe first("crypto_ingress");
    Probe second("crypto_ingress", [&](crypto_bpf& skeleton) {
        REQUIRE(bpf_map__reuse_fd(skeleton.maps.SERVERS, bpf_map__fd(first->maps.SERVERS)) == 0);
    });
    run(first.fd(),
        ethernet(ETH_P_IP, ipv4({}, tcp({.source = 3333, .destination = 40000, .flags = 0x02}))));
    run(second.fd(), ethernet(ETH_P_IP, ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"},
                                             tcp({.source = 40000, .destination = 3333}))));
    const Value session = only_value(second);
    CHECK(session.sum("method") == 1);
    CHECK(ntohs(static_cast<std::uint16_t>(session.sum("server_port"))) == 40000);
}

TEST_CASE("crypto: a session starts again after a silence of more than expire_after") {
    constexpr std::uint64_t second = 1'000'000'000;
    Probe probe("crypto_ingress",
                [](crypto_bpf& skeleton) { skeleton.rodata->expire_after = 30 * second; });
    // The clock is set forward instead of waiting.
    const auto at = [&](std::uint64_t seconds, const Bytes& frame) {
        probe->data_dynmon->dynmon_clock_base =
            static_cast<__s64>(seconds * second) - static_cast<__s64>(second / 1000);
        run(probe.fd(), frame);
    };
    CpuPin pin;
    at(1000, there(payload(10)));
    at(1020, back());
    at(1045, there());
    CHECK(only_value(probe).sum("n_packets") == 2);
    CHECK(missed(probe, "expired") == 0);
    const auto start = only_value(probe).sum("start_timestamp");

    at(1080, back(payload(3)));
    const Value fresh = only_value(probe);
    CHECK(fresh.sum("n_packets") == 0);
    CHECK(fresh.sum("n_bytes") == 0);
    CHECK(fresh.sum("n_packets_reverse") == 1);
    CHECK(fresh.sum("n_bytes_reverse") == 43);
    CHECK(fresh.sum("start_timestamp") > start + 79 * second);
    CHECK(fresh.sum("start_timestamp") == fresh.sum("alive_timestamp"));
    CHECK(fresh.sum("method") == 3);
    CHECK(missed(probe, "expired") == 1);
    CHECK(missed(probe, "expired_packets") == 3);
}

TEST_CASE("crypto: without expire_after no silence ends a session") {
    Probe probe("crypto_ingress");
    run(probe.fd(), there());
    probe->data_dynmon->dynmon_clock_base = 1'000'000'000'000'000;
    run(probe.fd(), there());
    CHECK(only_value(probe).sum("n_packets") == 2);
    CHECK(missed(probe, "expired") == 0);
}
