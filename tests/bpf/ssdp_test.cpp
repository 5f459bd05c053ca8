// The probe `ssdp`: what a packet is taken for, who is dropped, and what is told of.
#include <cstring>
#include <ctime>
#include <map>

#include <doctest/doctest.h>
#include <linux/pkt_cls.h>

#include "runner.hpp"
#include "ssdp.skel.h"

namespace {

// {kind: field} of the kinds that were seen.
using Table = std::map<std::string, std::uint64_t>;

std::string kind_name(const btf* types, std::uint32_t number) {
    const int id = btf__find_by_name_kind(types, "traffic", BTF_KIND_ENUM);
    const btf_type* type = btf__type_by_id(types, static_cast<__u32>(id));
    return btf__name_by_offset(types, btf_enum(type)[number].name_off);
}

Table table(const Loaded<ssdp_bpf>& probe, const char* field) {
    Table result;
    for (const auto& key : keys(probe->maps.TRAFFIC)) {
        std::uint32_t kind = 0;
        std::memcpy(&kind, key.data(), sizeof kind);
        const auto number = Value(probe->obj, probe->maps.TRAFFIC, key.data()).sum(field);
        if (number > 0)
            result[kind_name(bpf_object__btf(probe->obj), kind)] = number;
    }
    return result;
}

std::uint64_t uptime_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// As in ssdp.bpf.c.
struct Deny {
    std::uint64_t expires = 0;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint32_t prefixlen = 0;
};

std::vector<std::uint8_t> key_of(const std::string& prefix, std::uint32_t length) {
    const Address bytes = address(prefix);
    const bool is_ipv4 = prefix.find(':') == std::string::npos;
    const std::size_t size = is_ipv4 ? 4 : 16;
    std::vector<std::uint8_t> key(sizeof length + size);
    std::memcpy(key.data(), &length, sizeof length);
    std::memcpy(key.data() + sizeof length, bytes.data() + bytes.size() - size, size);
    return key;
}

int list_of(const Loaded<ssdp_bpf>& probe, const std::string& prefix) {
    return bpf_map__fd(prefix.find(':') == std::string::npos ? probe->maps.DENY_IPV4
                                                             : probe->maps.DENY_IPV6);
}

void deny(const Loaded<ssdp_bpf>& probe, const std::string& prefix, std::uint32_t length,
          std::uint64_t expires = 0) {
    const Deny value{.expires = expires, .prefixlen = length};
    const auto key = key_of(prefix, length);
    REQUIRE(bpf_map_update_elem(list_of(probe, prefix), key.data(), &value, BPF_ANY) == 0);
}

Deny denied(const Loaded<ssdp_bpf>& probe, const std::string& prefix, std::uint32_t length) {
    Deny value;
    const auto key = key_of(prefix, length);
    REQUIRE(bpf_map_lookup_elem(list_of(probe, prefix), key.data(), &value) == 0);
    return value;
}

Bytes from(const std::string& source, const Bytes& datagram = udp(1, 2, payload(20))) {
    if (source.find(':') == std::string::npos)
        return ethernet(ETH_P_IP, ipv4({.protocol = IPPROTO_UDP, .source = source}, datagram));
    return ethernet(ETH_P_IPV6, ipv6({.next = IPPROTO_UDP, .source = source}, datagram));
}

Bytes text(const std::string& line) {
    return {line.begin(), line.end()};
}

template <typename Check>
void on_both(Check&& check, const Loaded<ssdp_bpf>::Setup& setup = {}) {
    for (const std::string program : {"ssdp_ingress", "ssdp_ingress_xdp"}) {
        CAPTURE(program);
        Loaded<ssdp_bpf> probe(program, [&](ssdp_bpf& skeleton) {
            skeleton.rodata->dynmon_may_drop = true;
            if (setup)
                setup(skeleton);
        });
        check(probe);
    }
}

bool drops(const Loaded<ssdp_bpf>& probe, const Bytes& frame) {
    const int verdict = run(probe.fd(), frame);
    const int drop = probe.xdp() ? static_cast<int>(XDP_DROP) : TC_ACT_SHOT;
    const int pass = probe.xdp() ? static_cast<int>(XDP_PASS) : TC_ACT_UNSPEC;
    CHECK((verdict == drop || verdict == pass));
    return verdict == drop;
}

// What one frame is taken for.
void expect_kind(const std::string& kind, const Bytes& frame) {
    CAPTURE(kind);
    on_both([&](const Loaded<ssdp_bpf>& probe) {
        CHECK_FALSE(drops(probe, frame));
        CHECK(table(probe, "passed") == Table{{kind, 1}});
        CHECK(table(probe, "dropped").empty());
    });
}

void expect_udp(const std::string& kind, std::uint16_t source, std::uint16_t destination,
                const Bytes& body = payload(64)) {
    CAPTURE(source);
    expect_kind(kind, from("10.0.0.1", udp(source, destination, body)));
    expect_kind(kind, from("2001:db8::1", udp(source, destination, body)));
}

} // namespace

TEST_CASE("SSDP is told apart by its first line") {
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

TEST_CASE("what goes to a group is no flood of answers, but SSDP all the same") {
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
    expect_kind("OTHER", ethernet(ETH_P_IP, ipv4({.fragment_offset = 20}, payload(64))));
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
        CHECK(table(probe, "passed") == Table{{"WATCHED", 1}, {"OTHER", 2}, {"SNMP", 1}});
    });
}

TEST_CASE("what comes from a denied prefix is dropped and counted there and in all") {
    on_both([](const Loaded<ssdp_bpf>& probe) {
        deny(probe, "10.9.0.0", 16);
        deny(probe, "2001:db8:9::", 48);
        CHECK(drops(probe, from("10.9.255.255")));
        CHECK_FALSE(drops(probe, from("10.10.0.0")));
        CHECK(drops(probe, from("2001:db8:9:ffff::")));
        CHECK_FALSE(drops(probe, from("2001:db8:a::")));
        CHECK(drops(probe, ethernet(ETH_P_IP, ipv4({.source = "10.9.0.1"}, tcp({})))));
        CHECK(drops(probe, ethernet(ETH_P_IP, ipv4({.source = "10.9.0.1", .fragment_offset = 9},
                                                   payload(30)))));
        CHECK(denied(probe, "10.9.0.0", 16).packets == 3);
        CHECK(denied(probe, "10.9.0.0", 16).bytes == 48 + 40 + 50);
        CHECK(denied(probe, "2001:db8:9::", 48).packets == 1);
        CHECK(denied(probe, "2001:db8:9::", 48).bytes == 68);
        CHECK(table(probe, "dropped") == Table{{"DENIED", 4}});
        CHECK(table(probe, "bytes")["DENIED"] == 48 + 40 + 50 + 68);
        CHECK(table(probe, "passed") == Table{{"OTHER", 2}});
    });
}

TEST_CASE("the whole of a family can be denied, and the other one passes") {
    on_both([](const Loaded<ssdp_bpf>& probe) {
        deny(probe, "0.0.0.0", 0);
        CHECK(drops(probe, from("192.0.2.1")));
        CHECK_FALSE(drops(probe, from("::1")));
        deny(probe, "::", 0);
        CHECK(drops(probe, from("::1")));
    });
}

TEST_CASE("an expired entry passes, and does not hide a shorter one that holds") {
    const std::uint64_t now = uptime_ns();
    const std::uint64_t later = now + 3'600'000'000'000;
    on_both([&](const Loaded<ssdp_bpf>& probe) {
        deny(probe, "10.9.8.7", 32, now);
        CHECK_FALSE(drops(probe, from("10.9.8.7")));
        deny(probe, "10.9.8.7", 32, later);
        CHECK(drops(probe, from("10.9.8.7")));
        deny(probe, "10.9.8.7", 32, now);
        deny(probe, "10.9.8.0", 24, now);
        deny(probe, "10.9.0.0", 16, now);
        deny(probe, "10.0.0.0", 8, later);
        CHECK(drops(probe, from("10.9.8.7")));
        CHECK(denied(probe, "10.0.0.0", 8).packets == 1);
        deny(probe, "10.9.8.4", 30, now); // four expired ones in all are looked beyond
        CHECK(drops(probe, from("10.9.8.7")));
        deny(probe, "10.9.8.6", 31, now); // a fifth is not
        CHECK_FALSE(drops(probe, from("10.9.8.7")));
        CHECK(denied(probe, "10.0.0.0", 8).packets == 2);
    });
}

TEST_CASE("without the right to drop a denied packet passes") {
    Loaded<ssdp_bpf> probe("ssdp_ingress_xdp");
    deny(probe, "10.9.0.0", 16);
    CHECK_FALSE(drops(probe, from("10.9.0.1")));
}

TEST_CASE("a super-packet counts for its segments and is told of once") {
    Loaded<ssdp_bpf> probe("ssdp_ingress",
                           [](ssdp_bpf& skeleton) { skeleton.rodata->dynmon_may_drop = true; });
    const Bytes frame = from("10.0.0.1", udp(19, 40000, payload(1000)));
    run(probe.fd(), frame, {100, 10});
    CHECK(table(probe, "passed") == Table{{"CHARGEN", 10}});
    CHECK(table(probe, "bytes") == Table{{"CHARGEN", 1000 + 10 * 28}});
    CHECK(table(probe, "events") == Table{{"CHARGEN", 1}});
    deny(probe, "10.0.0.0", 8);
    run(probe.fd(), frame, {100, 10});
    CHECK(denied(probe, "10.0.0.0", 8).packets == 10);
    CHECK(denied(probe, "10.0.0.0", 8).bytes == 1280);
}

namespace {

// As struct event of ssdp.bpf.c.
struct Event {
    std::uint64_t time;
    Address saddr, daddr;
    std::uint16_t sport, dport;
    std::uint32_t kind, length, packets, ifindex;
    std::uint16_t vlan;
    std::uint8_t ttl, ip_version;
};

std::vector<Event> events(const Loaded<ssdp_bpf>& probe) {
    std::vector<Event> result;
    const auto take = [](void* into, void* data, std::size_t size) {
        REQUIRE(size == sizeof(Event));
        static_cast<std::vector<Event>*>(into)->push_back(*static_cast<const Event*>(data));
        return 0;
    };
    ring_buffer* ring = ring_buffer__new(bpf_map__fd(probe->maps.EVENTS), take, &result, nullptr);
    REQUIRE(ring);
    ring_buffer__consume(ring);
    ring_buffer__free(ring);
    return result;
}

} // namespace

TEST_CASE("an event says who spoke to whom, when, and of what kind and length") {
    on_both([](const Loaded<ssdp_bpf>& probe) {
        const std::uint64_t before = uptime_ns();
        run(probe.fd(),
            ethernet(ETH_P_8021Q,
                     vlan(9, ETH_P_IP,
                          ipv4({.protocol = IPPROTO_UDP, .source = "192.0.2.7", .ttl = 33},
                               udp(11211, 40000, payload(100))))));
        run(probe.fd(), from("10.0.0.1")); // nothing to tell of
        const auto seen = events(probe);
        REQUIRE(seen.size() == 1);
        const Event& event = seen.front();
        CHECK(event.time >= before);
        CHECK(event.time <= uptime_ns());
        CHECK(event.saddr == address("192.0.2.7"));
        CHECK(event.daddr == address("10.0.0.2"));
        CHECK(ntohs(event.sport) == 11211);
        CHECK(ntohs(event.dport) == 40000);
        CHECK(kind_name(bpf_object__btf(probe->obj), event.kind) == "MEMCACHED");
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
            const auto sent = table(probe, "events")["CHARGEN"];
            CHECK(sent >= limit);
            CHECK(sent <= limit * seconds);
            CHECK(sent + table(probe, "suppressed")["CHARGEN"] == 200);
            CHECK(events(probe).size() == sent);
            run(probe.fd(), from("10.0.0.1", udp(11211, 40000, payload(100))));
            CHECK(table(probe, "events")["MEMCACHED"] == 1); // is not hidden by the flood
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
    CHECK(table(probe, "events")["CHARGEN"] == 2);
}

TEST_CASE("sample, min_length and a full buffer are counted apart") {
    const Bytes frame = from("10.0.0.1", udp(19, 40000, payload(100)));
    on_both(
        [&](const Loaded<ssdp_bpf>& probe) {
            for (int i = 0; i < 400; ++i)
                run(probe.fd(), frame);
            const auto sent = table(probe, "events")["CHARGEN"];
            CHECK(sent > 0);
            CHECK(sent < 200); // 40 on average
            CHECK(sent + table(probe, "skipped")["CHARGEN"] == 400);
        },
        [](ssdp_bpf& skeleton) {
            skeleton.rodata->sample = 10;
            skeleton.rodata->events_per_second = 0;
        });
    on_both(
        [&](const Loaded<ssdp_bpf>& probe) {
            run(probe.fd(), frame);
            run(probe.fd(), from("10.0.0.1", udp(19, 40000, payload(99))));
            CHECK(table(probe, "events")["CHARGEN"] == 1);
            CHECK(table(probe, "skipped")["CHARGEN"] == 1);
        },
        [](ssdp_bpf& skeleton) { skeleton.rodata->min_length = 128; });
    on_both(
        [&](const Loaded<ssdp_bpf>& probe) {
            for (int i = 0; i < 300; ++i)
                run(probe.fd(), frame);
            const auto sent = table(probe, "events")["CHARGEN"];
            CHECK(sent < 300);
            CHECK(sent + table(probe, "lost")["CHARGEN"] == 300);
            CHECK(events(probe).size() == sent);
        },
        [](ssdp_bpf& skeleton) {
            skeleton.rodata->events_per_second = 0;
            bpf_map__set_max_entries(skeleton.maps.EVENTS, 4096);
        });
}
