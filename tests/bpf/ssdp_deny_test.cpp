// The probe `ssdp`: who is dropped, and what is counted of it.
#include <cstring>

#include <doctest/doctest.h>

#include "ssdp_probe.hpp"

namespace {

// As struct deny of the probe.
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

} // namespace

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
        CHECK(kinds(probe, "dropped") == Kinds{{"DENIED", 4}});
        CHECK(kinds(probe, "bytes")["DENIED"] == 48 + 40 + 50 + 68);
        CHECK(kinds(probe, "passed") == Kinds{{"OTHER", 2}});
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

TEST_CASE("a denied super-packet counts for its segments") {
    Loaded<ssdp_bpf> probe("ssdp_ingress",
                           [](ssdp_bpf& skeleton) { skeleton.rodata->dynmon_may_drop = true; });
    deny(probe, "10.0.0.0", 8);
    run(probe.fd(), from("10.0.0.1", udp(19, 40000, payload(1000))), {100, 10});
    CHECK(denied(probe, "10.0.0.0", 8).packets == 10);
    CHECK(denied(probe, "10.0.0.0", 8).bytes == 1280);
    CHECK(kinds(probe, "dropped") == Kinds{{"DENIED", 10}});
}
