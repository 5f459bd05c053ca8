// SPDX-License-Identifier: BSD-2-Clause
// The probe `ssdp`: what a packet is taken for.
#include <doctest/doctest.h>

#include "ssdp_probe.hpp"

namespace {

Bytes text(const std::string& line) {
    return {line.begin(), line.end()};
}

// What one frame is taken for.
void expect_kind(const std::string& kind, const Bytes& frame) {
    CAPTURE(kind);
    on_both([&](const Loaded<ssdp_bpf>& probe) {
        CHECK_FALSE(drops(probe, frame));
        CHECK(kinds(probe, "passed") == Kinds{{kind, 1}});
        CHECK(kinds(probe, "dropped").empty());
    });
}

void expect_udp(const std::string& kind, std::uint16_t source, std::uint16_t destination,
                const Bytes& body = payload(64)) {
    CAPTURE(source);
    expect_kind(kind, from("10.0.0.1", udp(source, destination, body)));
    expect_kind(kind, from("2001:db8::1", udp(source, destination, body)));
}

} // namespace

TEST_CASE("the first line tells the kind of SSDP") {
    expect_udp("SSDP_SEARCH", 40000, 1900, text("M-SEARCH * HTTP/1.1\r\n\r\n"));
    expect_udp("SSDP_NOTIFY", 1900, 1900, text("NOTIFY * HTTP/1.1\r\n\r\n"));
    expect_udp("SSDP_RESPONSE", 1900, 40000, text("HTTP/1.1 200 OK\r\n\r\n"));
    expect_udp("SSDP_OTHER", 40000, 1900, text("HTTP/1.1 200 OK\r\n\r\n"));
    expect_udp("SSDP_OTHER", 1900, 40000, text("M-SEARCX"));
    expect_udp("SSDP_OTHER", 1900, 40000, text("NOTIFY"));
    expect_udp("SSDP_OTHER", 1900, 40000, {});
    expect_udp("OTHER", 40000, 1901, text("M-SEARCH * HTTP/1.1\r\n\r\n"));
    expect_kind("OTHER",
                ethernet(ETH_P_IP, ipv4({}, tcp({.destination = 1900}, text("M-SEARCH")))));
}

TEST_CASE("Ethernet's padding is no first line") {
    Bytes frame = from("10.0.0.1", udp(1900, 40000));
    const Bytes line = text("HTTP/1.1 200 OK");
    frame.insert(frame.end(), line.begin(), line.end());
    expect_kind("SSDP_OTHER", frame);
}

TEST_CASE("SSDP is found behind VLAN tags, options and extension headers") {
    const Bytes search = udp(40000, 1900, text("M-SEARCH * HTTP/1.1\r\n\r\n"));
    const Bytes ip = ipv4({.protocol = IPPROTO_UDP, .options = 10}, search);
    expect_kind("SSDP_SEARCH", ethernet(ETH_P_IP, ip));
    expect_kind("SSDP_SEARCH", ethernet(ETH_P_8021AD, vlan(1, ETH_P_8021Q, vlan(2, ETH_P_IP, ip))));
    expect_kind(
        "SSDP_SEARCH",
        ethernet(ETH_P_IPV6, ipv6({.next = 0}, extension(60, 3, extension(17, 0, search)))));
}

TEST_CASE("answers of amplifiers are known by the port they come from") {
    const std::pair<std::uint16_t, const char*> known[] = {
        {17, "QOTD"},          {19, "CHARGEN"}, {69, "TFTP"},        {111, "PORTMAP"},
        {137, "NETBIOS"},      {161, "SNMP"},   {389, "CLDAP"},      {427, "SLP"},
        {520, "RIP"},          {1434, "MSSQL"}, {3283, "ARD"},       {3702, "WS_DISCOVERY"},
        {5353, "MDNS"},        {5683, "COAP"},  {10001, "UBIQUITI"}, {11211, "MEMCACHED"},
        {37810, "DHDISCOVER"}, {12345, "OTHER"}};
    for (const auto& [port, kind] : known) {
        expect_kind(kind, from("10.0.0.1", udp(port, 40000, payload(64))));
        expect_kind("OTHER", from("10.0.0.1", udp(40000, port, payload(64)))); // a question
    }
    expect_udp("CHARGEN", 19, 40000);
    expect_udp("CHARGEN", 19, 40000, {});
}

TEST_CASE("of DNS only answers count, of NTP only modes 6 and 7") {
    Bytes dns = payload(64);
    dns[2] = 0x01; // a question, recursion desired
    expect_udp("OTHER", 53, 40000, dns);
    dns[2] = 0x81; // an answer
    expect_udp("DNS", 53, 40000, dns);
    expect_udp("OTHER", 53, 40000, payload(3));
    for (std::uint8_t mode = 0; mode < 8; ++mode) {
        Bytes ntp = payload(48);
        ntp[0] = static_cast<std::uint8_t>(0xe0 | mode);
        expect_udp(mode < 6 ? "OTHER" : "NTP", 123, 40000, ntp);
    }
}

TEST_CASE("what goes to a group is no flood of answers, but still SSDP") {
    const Bytes mdns = udp(5353, 5353, payload(64));
    for (const char* group : {"224.0.0.251", "239.1.2.3", "255.255.255.255"})
        expect_kind("OTHER", ethernet(ETH_P_IP,
                                      ipv4({.protocol = IPPROTO_UDP, .destination = group}, mdns)));
    expect_kind("MDNS",
                ethernet(ETH_P_IP,
                         ipv4({.protocol = IPPROTO_UDP, .destination = "223.255.255.255"}, mdns)));
    expect_kind("OTHER",
                ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP, .destination = "ff02::fb"}, mdns)));
    expect_kind("SSDP_NOTIFY",
                ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP, .destination = "ff02::c"},
                                          udp(1900, 1900, text("NOTIFY * HTTP/1.1\r\n")))));
}

TEST_CASE("fragments, other protocols and what is no IP have kinds of their own") {
    const Bytes answer = udp(19, 40000, payload(64));
    expect_kind("FRAGMENT",
                ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP, .fragment_offset = 20}, answer)));
    expect_kind(
        "CHARGEN",
        ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP, .more_fragments = true}, answer)));
    expect_kind("FRAGMENT",
                ethernet(ETH_P_IPV6, ipv6({.next = 44}, fragment(17, 20, true, answer))));
    // Any protocol, also where what it begins with is not known.
    expect_kind("FRAGMENT", ethernet(ETH_P_IP, ipv4({.fragment_offset = 20}, payload(64))));
    expect_kind("FRAGMENT",
                ethernet(ETH_P_IPV6, ipv6({.next = 44}, fragment(60, 20, true, answer))));
    expect_kind("OTHER", ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP}, first(answer, 7))));
    expect_kind("NOT_IP", ethernet(ETH_P_ARP, payload(28)));
    Bytes nonsense = from("10.0.0.1");
    nonsense[14] = 0x44; // an IP header of 16 bytes
    expect_kind("MALFORMED", nonsense);
}

TEST_CASE("ports can be watched and ignored while it runs") {
    on_both([](const Loaded<ssdp_bpf>& probe) {
        const auto set = [&](std::uint16_t port, std::uint32_t watch) {
            const std::uint16_t key = htons(port);
            REQUIRE(bpf_map_update_elem(bpf_map__fd(probe->maps.PORTS), &key, &watch, 0) == 0);
        };
        set(9999, 1);
        set(19, 0);
        set(1900, 0);
        for (const std::uint16_t port : {9999, 19, 1900, 161})
            run(probe.fd(), from("10.0.0.1", udp(port, 40000, payload(64))));
        CHECK(kinds(probe, "passed") == Kinds{{"WATCHED", 1}, {"OTHER", 2}, {"SNMP", 1}});
    });
}

TEST_CASE("frames of XDP that are longer than the MTU are estimated, and counted as such") {
    const auto check = [](const Loaded<ssdp_bpf>& probe) {
        CHECK_FALSE(drops(probe, from("10.0.0.1", udp(1, 2, payload(1000)))));
        CHECK_FALSE(drops(probe, from("10.0.0.1")));
        CHECK_FALSE(drops(probe, ethernet(0x88cc, Bytes(1000))));
        CHECK(kinds(probe, "estimated") ==
              (probe.xdp() ? Kinds{{"NOT_IP", 1}, {"OTHER", 1}} : Kinds{}));
        CHECK(kinds(probe, "passed") == (probe.xdp() ? Kinds{{"NOT_IP", 2}, {"OTHER", 4}}
                                                     : Kinds{{"NOT_IP", 1}, {"OTHER", 2}}));
    };
    on_both(check, [](ssdp_bpf& skeleton) { skeleton.rodata->dynmon_mtu = 500; });
}
