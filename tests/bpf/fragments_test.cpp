// SPDX-License-Identifier: BSD-2-Clause
// Fragments and super-packets, alike in every probe that parses: what is cut off by a fragment is
// not malformed, a later fragment is one whatever it carries, reasons count packets of the wire.
#include <algorithm>
#include <cctype>

#include <doctest/doctest.h>

#include "crypto.skel.h"
#include "ddos.skel.h"
#include "features.skel.h"
#include "flows_table.hpp"
#include "sessions.hpp"
#include "window.skel.h"

namespace {

// A first fragment with 8 bytes of TCP: ports 40000 and 443.
const Bytes cut_off =
    hex("02000000000202000000000108004500001c00052000400646d50a0000010a0000029c4001bb"
        "00000000");

Bytes padded(Bytes frame) {
    frame.resize(60, 0xff);
    return frame;
}

// A later fragment whose first header would be destination options.
const Bytes later = ethernet(
    ETH_P_IPV6, ipv6({.next = IPPROTO_FRAGMENT}, fragment(IPPROTO_DSTOPTS, 9, true, payload(64))));

template <typename Skeleton>
std::uint64_t missed(const Loaded<Skeleton>& probe, const std::string& map, const char* why) {
    const __u32 zero = 0;
    return Value(probe->obj, bpf_object__find_map_by_name(probe->obj, map.c_str()), &zero).sum(why);
}

struct Run {
    Bytes frame;
    Gso gso = {};
};

// How much `why` counts for one frame, on TC; on XDP the same if there is no `gso`.
template <typename Skeleton>
std::uint64_t counted(const std::string& name, const char* why, const Run& what,
                      const typename Loaded<Skeleton>::Setup& setup = {}) {
    std::string map = name + "_MISSED_INGRESS";
    std::transform(map.begin(), map.end(), map.begin(), ::toupper);
    Loaded<Skeleton> tc(name + "_ingress", setup);
    run(tc.fd(), what.frame, what.gso);
    if (!what.gso.size) {
        Loaded<Skeleton> xdp(name + "_ingress_xdp", setup);
        run(xdp.fd(), what.frame);
        CHECK(missed(xdp, map, why) == missed(tc, map, why));
    }
    return missed(tc, map, why);
}

// The same in every probe of sessions.
std::vector<std::uint64_t> counted_by_all(const char* why, const Run& what, bool fragments = true) {
    return {counted<crypto_bpf>("crypto", why, what), counted<window_bpf>("window", why, what),
            counted<ddos_bpf>("ddos", why, what,
                              [=](ddos_bpf& skeleton) { skeleton.rodata->fragments = fragments; }),
            counted<features_bpf>("features", why, what, [=](features_bpf& skeleton) {
                skeleton.rodata->fragments = fragments;
            })};
}

using Counts = std::vector<std::uint64_t>;

} // namespace

TEST_CASE("a first fragment with 8 bytes of TCP belongs to its session in every probe") {
    for (const Bytes& frame : {cut_off, padded(cut_off)}) {
        for (const char* why : {"malformed", "fragment", "other_protocol"})
            CHECK(counted_by_all(why, {frame}) == Counts{0, 0, 0, 0});
        for (const std::string program : {"flows_ingress", "flows_ingress_xdp"}) {
            Loaded<flows_bpf> flows(program);
            run(flows.fd(), frame);
            CHECK(names(ingress(flows)) ==
                  std::vector<std::string>{"6 v4 vlan0 10.0.0.1:40000 > 10.0.0.2:443"});
            CHECK(ingress(flows).begin()->second.sum("bytes") == 28);
        }
        Loaded<crypto_bpf> crypto("crypto_ingress");
        run(crypto.fd(), frame);
        CHECK(sessions(crypto->maps.SESSIONS_TRACKED_CRYPTO) ==
              std::vector<std::string>{"6 10.0.0.1:40000 - 10.0.0.2:443"});
        for (const std::string program : {"ddos_ingress", "ddos_ingress_xdp"}) {
            Loaded<ddos_bpf> ddos(program);
            run(ddos.fd(), frame);
            const auto packets = drain(ddos->obj, ddos->maps.PACKET_BUFFER_DDOS, "features");
            REQUIRE(packets.size() == 1);
            CHECK(text(packets[0].key("id")) == "6 10.0.0.1:40000 - 10.0.0.2:443");
            // Neither padding nor what was cut off is read.
            for (const char* absent : {"tcpLen", "tcpAck", "tcpWin", "tcpFlags", "app"})
                CHECK(packets[0].of(absent) == 0);
        }
    }
}

TEST_CASE(
    "options of TCP that a fragment cuts off are not malformed; without a fragment they are") {
    const Bytes part = first(tcp({.flags = 0x18, .options = 10}, payload(100)), 32);
    const Bytes fragment = ethernet(ETH_P_IP, ipv4({.more_fragments = true}, part));
    const Bytes whole = ethernet(ETH_P_IP, ipv4({}, part));
    CHECK(counted_by_all("malformed", {fragment}) == Counts{0, 0, 0, 0});
    CHECK(counted_by_all("malformed", {whole}) == Counts{1, 1, 1, 1});
    Loaded<ddos_bpf> ddos("ddos_ingress");
    run(ddos.fd(), fragment);
    const auto packets = drain(ddos->obj, ddos->maps.PACKET_BUFFER_DDOS, "features");
    REQUIRE(packets.size() == 1);
    CHECK(packets[0].of("tcpFlags") == 0x18);
    CHECK(packets[0].of("tcpLen") == 0);
}

TEST_CASE("a later fragment is one in every probe, and has its fragment header's protocol") {
    CHECK(counted_by_all("fragment", {later}, false) == Counts{1, 1, 1, 1});
    CHECK(counted_by_all("other_protocol", {later}, false) == Counts{0, 0, 0, 0});
    const Bytes gre =
        ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_GRE, .fragment_offset = 9}, payload(64)));
    CHECK(counted_by_all("fragment", {gre}, false) == Counts{1, 1, 1, 1});
    CHECK(counted_by_all("tunnel", {gre}, false) == Counts{0, 0, 0, 0});
    Loaded<flows_bpf> flows("flows_ingress");
    run(flows.fd(), later);
    CHECK(names(ingress(flows)) ==
          std::vector<std::string>{"60 v6 vlan0 2001:db8::1:0 > 2001:db8::2:0"});
}

TEST_CASE("reasons count the packets on the wire: a super-packet is its segments") {
    const Run other{ethernet(0x8847, payload(1000)), {100, 10}};
    Bytes bad = ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(1000))));
    bad[14] = 0x44;
    const Run malformed{bad, {100, 10}};
    const Run tunnel{
        ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_IPIP}, ipv4({}, tcp({}, payload(1000))))),
        {100, 10}};
    CHECK(counted_by_all("not_ip", other) == Counts{10, 10, 10, 10});
    CHECK(counted_by_all("malformed", malformed) == Counts{10, 10, 10, 10});
    CHECK(counted_by_all("tunnel", tunnel) == Counts{10, 10, 10, 10});
    CHECK(counted<flows_bpf>("flows", "not_ip", other) == 10);
    CHECK(counted<flows_bpf>("flows", "malformed", malformed) == 10);
}

TEST_CASE("XDP: frames that only the MTU splits into packets are counted in every probe") {
    const Bytes frame = ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(3000))));
    const auto expect = [&]<typename Skeleton>(const std::string& name, const std::string& map) {
        CAPTURE(name);
        for (const unsigned mtu : {1500u, 3040u, 0u}) {
            CAPTURE(mtu);
            const Loaded<Skeleton> probe(name + "_ingress_xdp", [=](Skeleton& skeleton) {
                skeleton.rodata->dynmon_mtu = mtu;
            });
            run(probe.fd(), frame);
            run(probe.fd(), ethernet(ETH_P_IP, ipv4({}, tcp({}, payload(1000)))));
            CHECK(missed(probe, map, "estimated") == (mtu == 1500 ? 1 : 0));
            CHECK(missed(probe, map, "malformed") == 0);
        }
    };
    expect.operator()<flows_bpf>("flows", "FLOWS_MISSED_INGRESS");
    expect.operator()<crypto_bpf>("crypto", "CRYPTO_MISSED_INGRESS");
    expect.operator()<window_bpf>("window", "WINDOW_MISSED_INGRESS");
    expect.operator()<ddos_bpf>("ddos", "DDOS_MISSED_INGRESS");
    expect.operator()<features_bpf>("features", "FEATURES_MISSED_INGRESS");

    const Loaded<flows_bpf> flows("flows_ingress_xdp",
                                  [](flows_bpf& skeleton) { skeleton.rodata->dynmon_mtu = 1500; });
    run(flows.fd(), frame);
    const Value flow = ingress(flows).begin()->second;
    CHECK(flow.sum("packets") == 1);
    CHECK(flow.sum("wire_packets") == 3);
    CHECK(flow.sum("bytes") == 3 * 40 + 3000);
}
