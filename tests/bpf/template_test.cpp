// SPDX-License-Identifier: BSD-2-Clause
// The probe `template`, which new ones start from: with any of its layers it loads, and a layer
// that is off counts nothing.
#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "runner.hpp"
#include "template.skel.h"

namespace {

struct Layers {
    bool link, network, transport, sessions, packets, payload;
};

Loaded<template_bpf>::Setup with(const Layers& layers) {
    return [layers](template_bpf& skeleton) {
        skeleton.rodata->link = layers.link;
        skeleton.rodata->network = layers.network;
        skeleton.rodata->transport = layers.transport;
        skeleton.rodata->per_session = layers.sessions;
        skeleton.rodata->per_packet = layers.packets;
        skeleton.rodata->payload = layers.payload;
    };
}

const Bytes to_server = ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(100))));
const Bytes to_client =
    ethernet(ETH_P_IP, ipv4({.source = "10.0.0.2", .destination = "10.0.0.1"},
                            tcp({.source = 443, .destination = 40000}, payload(10))));

} // namespace

TEST_CASE("every choice of layers is accepted and counts just that") {
    for (const std::string program :
         {"template_ingress", "template_ingress_xdp", "template_egress"})
        for (unsigned choice = 0; choice < 64; ++choice) {
            CAPTURE(program);
            CAPTURE(choice);
            const auto on = [&](unsigned bit) { return (choice >> bit & 1) != 0; };
            Loaded<template_bpf> probe(program, with({on(0), on(1), on(2), on(3), on(4), on(5)}));
            for (const Bytes& frame : {to_server, to_client})
                CHECK(run(probe.fd(), frame) ==
                      (probe.xdp() ? static_cast<int>(XDP_PASS) : TC_ACT_UNSPEC));
            CHECK(keys(probe->maps.LINK).size() == (on(0) ? 1 : 0));
            CHECK(keys(probe->maps.NETWORK).size() == (on(1) ? 1 : 0));
            CHECK(keys(probe->maps.TRANSPORT).size() == (on(2) ? 1 : 0));
            CHECK(keys(probe->maps.SESSIONS).size() == (on(3) ? 1 : 0));
            CHECK(events(probe->maps.PACKETS).size() == (on(4) ? 2 : 0));
        }
}

TEST_CASE("a session is one entry whichever end speaks, with the lower address first") {
    Loaded<template_bpf> probe("template_ingress", with({.sessions = true}));
    run(probe.fd(), to_client);
    run(probe.fd(), to_server);
    run(probe.fd(), to_server);
    const auto sessions = keys(probe->maps.SESSIONS);
    REQUIRE(sessions.size() == 1);
    const Value session(probe->obj, probe->maps.SESSIONS, sessions.front().data());
    CHECK(session.sum("packets") == 2);
    CHECK(session.sum("bytes") == 2 * 140);
    CHECK(session.sum("packets_reverse") == 1);
    CHECK(session.sum("bytes_reverse") == 50);

    const Bytes v6_high = ethernet(
        ETH_P_IPV6, ipv6({.source = "2001:db8::ffff:1", .destination = "2001:db8::2"}, tcp({})));
    const Bytes v6_low =
        ethernet(ETH_P_IPV6, ipv6({.source = "2001:db8::2", .destination = "2001:db8::ffff:1"},
                                  tcp({.source = 443, .destination = 40000})));
    run(probe.fd(), v6_high);
    run(probe.fd(), v6_low);
    CHECK(keys(probe->maps.SESSIONS).size() == 2);
    // With equal addresses the ports decide.
    for (const auto& [source, destination] : {std::pair<int, int>{5000, 256}, {256, 5000}})
        run(probe.fd(),
            ethernet(ETH_P_IP,
                     ipv4({.source = "10.0.0.1", .destination = "10.0.0.1"},
                          tcp({.source = static_cast<std::uint16_t>(source),
                               .destination = static_cast<std::uint16_t>(destination)}))));
    CHECK(keys(probe->maps.SESSIONS).size() == 3);
}

TEST_CASE("what finds a table full is counted") {
    Loaded<template_bpf> probe("template_ingress", [](template_bpf& skeleton) {
        with({.transport = true})(skeleton);
        bpf_map__set_max_entries(skeleton.maps.TRANSPORT, 2);
    });
    for (const std::uint16_t port : {1, 2, 3, 4})
        run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({.destination = port}))));
    const __u32 zero = 0;
    const auto missed = Value(probe->obj, probe->maps.MISSED, &zero).sum();
    CHECK(missed + keys(probe->maps.TRANSPORT).size() == 4);
    CHECK(missed > 0);
}

TEST_CASE("what is no IP is a frame of its link, and nothing else") {
    Loaded<template_bpf> probe("template_ingress_xdp", with({true, true, true, true, true, true}));
    run(probe.fd(), ethernet(ETH_P_ARP, payload(28)));
    CHECK(keys(probe->maps.LINK).size() == 1);
    CHECK(keys(probe->maps.NETWORK).empty());
    CHECK(events(probe->maps.PACKETS).size() == 0);
}
