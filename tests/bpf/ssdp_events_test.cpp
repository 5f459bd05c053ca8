// SPDX-License-Identifier: BSD-2-Clause
// The probe `ssdp`: which packets become events, and how many.
#include <cstring>

#include <doctest/doctest.h>

#include "ssdp_probe.hpp"

namespace {

// As struct event of the probe.
struct Event {
    std::uint64_t time;
    Address saddr, daddr;
    std::uint16_t sport, dport;
    std::uint32_t kind, length, packets, ifindex;
    std::uint16_t vlan;
    std::uint8_t ttl, ip_version;
};

std::vector<Event> told(const Loaded<ssdp_bpf>& probe) {
    std::vector<Event> result;
    for (const auto& bytes : events(probe->maps.EVENTS)) {
        REQUIRE(bytes.size() == sizeof(Event));
        std::memcpy(&result.emplace_back(), bytes.data(), sizeof(Event));
    }
    return result;
}

} // namespace

TEST_CASE("an event says which host spoke to which, when, and of what kind and length") {
    on_both([](const Loaded<ssdp_bpf>& probe) {
        const std::uint64_t before = uptime_ns();
        run(probe.fd(),
            ethernet(ETH_P_8021Q,
                     vlan(9, ETH_P_IP,
                          ipv4({.protocol = IPPROTO_UDP, .source = "192.0.2.7", .ttl = 33},
                               udp(11211, 40000, payload(100))))));
        run(probe.fd(), from("10.0.0.1")); // no event
        const auto seen = told(probe);
        REQUIRE(seen.size() == 1);
        const Event& event = seen.front();
        CHECK(event.time >= before);
        CHECK(event.time <= uptime_ns());
        CHECK(event.saddr == address("192.0.2.7"));
        CHECK(event.daddr == address("10.0.0.2"));
        CHECK(ntohs(event.sport) == 11211);
        CHECK(ntohs(event.dport) == 40000);
        CHECK(kind_name(probe, event.kind) == "MEMCACHED");
        CHECK(event.length == 128);
        CHECK(event.packets == 1);
        CHECK(event.vlan == 9);
        CHECK(event.ttl == 33);
        CHECK(event.ip_version == 4);
    });
}

TEST_CASE("events keep to their limit a second, and every one that is not sent is counted") {
    static constexpr std::uint32_t limit = 5;
    on_both(
        [](const Loaded<ssdp_bpf>& probe) {
            const std::uint64_t from_second = uptime_ns() / 1'000'000'000;
            for (int i = 0; i < 200; ++i)
                run(probe.fd(), from("10.0.0.1", udp(19, 40000, payload(100))));
            const std::uint64_t seconds = uptime_ns() / 1'000'000'000 - from_second + 1;
            const auto sent = kinds(probe, "events")["CHARGEN"];
            CHECK(sent >= limit);
            CHECK(sent <= limit * seconds);
            CHECK(sent + kinds(probe, "suppressed")["CHARGEN"] == 200);
            CHECK(events(probe->maps.EVENTS).size() == sent);
            run(probe.fd(), from("10.0.0.1", udp(11211, 40000, payload(100))));
            CHECK(kinds(probe, "events")["MEMCACHED"] == 1); // is not hidden by the flood
        },
        [](ssdp_bpf& skeleton) { skeleton.rodata->events_per_second = limit; });
}

TEST_CASE("a clock that is set back does not silence events") {
    Loaded<ssdp_bpf> probe("ssdp_ingress_xdp",
                           [](ssdp_bpf& skeleton) { skeleton.rodata->events_per_second = 1; });
    const Bytes frame = from("10.0.0.1", udp(19, 40000, payload(100)));
    probe->data_dynmon->dynmon_clock_base = 7'200'000'000'000;
    run(probe.fd(), frame);
    probe->data_dynmon->dynmon_clock_base = 0; // two hours back
    run(probe.fd(), frame);
    CHECK(kinds(probe, "events")["CHARGEN"] == 2);
}

TEST_CASE("sample, min_length and a full buffer are counted apart") {
    const Bytes frame = from("10.0.0.1", udp(19, 40000, payload(100)));
    on_both(
        [&](const Loaded<ssdp_bpf>& probe) {
            for (int i = 0; i < 400; ++i)
                run(probe.fd(), frame);
            const auto sent = kinds(probe, "events")["CHARGEN"];
            CHECK(sent > 0);
            CHECK(sent < 200); // 40 on average
            CHECK(sent + kinds(probe, "skipped")["CHARGEN"] == 400);
        },
        [](ssdp_bpf& skeleton) {
            skeleton.rodata->sample = 10;
            skeleton.rodata->events_per_second = 0;
        });
    on_both(
        [&](const Loaded<ssdp_bpf>& probe) {
            run(probe.fd(), frame);
            run(probe.fd(), from("10.0.0.1", udp(19, 40000, payload(99))));
            CHECK(kinds(probe, "events")["CHARGEN"] == 1);
            CHECK(kinds(probe, "skipped")["CHARGEN"] == 1);
        },
        [](ssdp_bpf& skeleton) { skeleton.rodata->min_length = 128; });
    on_both(
        [&](const Loaded<ssdp_bpf>& probe) {
            for (int i = 0; i < 300; ++i)
                run(probe.fd(), frame);
            const auto sent = kinds(probe, "events")["CHARGEN"];
            CHECK(sent < 300);
            CHECK(sent + kinds(probe, "lost")["CHARGEN"] == 300);
            CHECK(events(probe->maps.EVENTS).size() == sent);
        },
        [](ssdp_bpf& skeleton) {
            skeleton.rodata->events_per_second = 0;
            bpf_map__set_max_entries(skeleton.maps.EVENTS, 4096);
        });
}

TEST_CASE("a super-packet counts for its segments and is one event") {
    Loaded<ssdp_bpf> probe("ssdp_ingress");
    run(probe.fd(), from("10.0.0.1", udp(19, 40000, payload(1000))), {100, 10});
    CHECK(kinds(probe, "passed") == Kinds{{"CHARGEN", 10}});
    CHECK(kinds(probe, "bytes") == Kinds{{"CHARGEN", 1000 + 10 * 28}});
    CHECK(kinds(probe, "events") == Kinds{{"CHARGEN", 1}});
}
