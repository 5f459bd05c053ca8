// SPDX-License-Identifier: BSD-2-Clause
// The probe `ssdp`: which senders it drops, and what it counts of them.
#include <cstring>

#include <arpa/inet.h>

#include <doctest/doctest.h>
#include <linux/types.h>

#include "../../bpf/prefix_filter.h"
#include "ssdp_probe.hpp"

namespace {

enum Action : std::uint32_t { drop, dry_run, allow };

// As struct listed of the probe.
struct Entry {
    std::uint64_t expires = 0;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    Action action = drop;
};

struct Lists {
    bpf_map* entries;
    bpf_map* filter;
    bpf_map* lengths;
};

bool is_ipv4(const std::string& prefix) {
    return prefix.find(':') == std::string::npos;
}

std::vector<std::uint8_t> key_of(const std::string& prefix, std::uint32_t length) {
    const Address bytes = address(prefix);
    const std::size_t size = is_ipv4(prefix) ? 4 : 16;
    std::vector<std::uint8_t> key(sizeof length + size);
    std::memcpy(key.data(), &length, sizeof length);
    std::memcpy(key.data() + sizeof length, bytes.data() + bytes.size() - size, size);
    return key;
}

Lists lists_of(const Loaded<ssdp_bpf>& probe, const std::string& prefix, Action action) {
    auto& maps = probe->maps;
    if (action == allow)
        return is_ipv4(prefix)
                   ? Lists{maps.ALLOW_IPV4, maps.ALLOW_IPV4_filter, maps.ALLOW_IPV4_lengths}
                   : Lists{maps.ALLOW_IPV6, maps.ALLOW_IPV6_filter, maps.ALLOW_IPV6_lengths};
    return is_ipv4(prefix) ? Lists{maps.DENY_IPV4, maps.DENY_IPV4_filter, maps.DENY_IPV4_lengths}
                           : Lists{maps.DENY_IPV6, maps.DENY_IPV6_filter, maps.DENY_IPV6_lengths};
}

std::uint64_t number(const std::uint8_t* bytes, std::size_t size) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < size; ++i)
        number = number << 8 | bytes[i];
    return number;
}

// As the loader does, one entry at a time.
void put(const Loaded<ssdp_bpf>& probe, const std::string& prefix, std::uint32_t length,
         Action action = drop, std::uint64_t expires = 0) {
    const Lists lists = lists_of(probe, prefix, action);
    const auto key = key_of(prefix, length);
    const Entry entry{.expires = expires, .action = action};
    const std::uint32_t only = 0;
    dynmon_lengths lengths{};
    REQUIRE(bpf_map_update_elem(bpf_map__fd(lists.entries), key.data(), &entry, BPF_ANY) == 0);
    REQUIRE(bpf_map_lookup_elem(bpf_map__fd(lists.lengths), &only, &lengths) == 0);
    lengths.high_factor = 0x9e3779b97f4a7c15;
    lengths.low_factor = 0xc2b2ae3d27d4eb4f;
    std::uint64_t high = 0, low = 0, high_unit = 0, low_unit = 0;
    if (is_ipv4(prefix)) {
        low = number(key.data() + 4, 4);
        low_unit = std::uint64_t{1} << (32 - length);
    } else {
        high = number(key.data() + 4, 8);
        low = number(key.data() + 12, 8);
        if (length > 64)
            low_unit = std::uint64_t{1} << (128 - length);
        else if (length > 0)
            high_unit = std::uint64_t{1} << (64 - length);
        lengths.whole |= length == 0;
    }
    lengths.high |= high_unit;
    lengths.low |= low_unit;
    const std::uint64_t hash =
        dynmon_prefix_hash(lengths.high_factor, lengths.low_factor, high, low, high_unit, low_unit);
    const std::uint32_t index = dynmon_filter_word(hash, bpf_map__max_entries(lists.filter));
    std::uint64_t word = 0;
    bpf_map_lookup_elem(bpf_map__fd(lists.filter), &index, &word);
    word |= dynmon_filter_bits(hash);
    REQUIRE(bpf_map_update_elem(bpf_map__fd(lists.filter), &index, &word, BPF_ANY) == 0);
    REQUIRE(bpf_map_update_elem(bpf_map__fd(lists.lengths), &only, &lengths, BPF_ANY) == 0);
}

void deny(const Loaded<ssdp_bpf>& probe, const std::string& prefix, std::uint32_t length,
          std::uint64_t expires = 0) {
    put(probe, prefix, length, drop, expires);
}

Entry entry_of(const Loaded<ssdp_bpf>& probe, const std::string& prefix, std::uint32_t length,
               Action action) {
    Entry entry;
    const auto key = key_of(prefix, length);
    REQUIRE(bpf_map_lookup_elem(bpf_map__fd(lists_of(probe, prefix, action).entries), key.data(),
                                &entry) == 0);
    return entry;
}

Entry denied(const Loaded<ssdp_bpf>& probe, const std::string& prefix, std::uint32_t length) {
    return entry_of(probe, prefix, length, drop);
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
        for (const std::uint32_t length : {31, 30, 29, 28, 27}) // eight expired ones in all
            deny(probe, length > 29 ? length == 31 ? "10.9.8.6" : "10.9.8.4" : "10.9.8.0", length,
                 now);
        CHECK(drops(probe, from("10.9.8.7")));
        deny(probe, "10.9.8.0", 26, now); // a ninth is not looked beyond
        CHECK_FALSE(drops(probe, from("10.9.8.7")));
        CHECK(denied(probe, "10.0.0.0", 8).packets == 2);
    });
}

TEST_CASE("every length is found, and nothing beside it") {
    on_both([](const Loaded<ssdp_bpf>& probe) {
        // 0 and 0, then prefixes that differ from each other in their last bit only.
        for (std::uint32_t length = 1; length <= 32; ++length) {
            const auto bits = htonl(std::uint32_t{1} << (32 - length));
            char text[INET_ADDRSTRLEN];
            deny(probe, inet_ntop(AF_INET, &bits, text, sizeof text), length);
        }
        for (std::uint32_t bit = 0; bit < 32; ++bit) {
            const auto bits = htonl(std::uint32_t{1} << bit);
            char text[INET_ADDRSTRLEN];
            const std::string source = inet_ntop(AF_INET, &bits, text, sizeof text);
            CHECK(drops(probe, from(source)));
            CHECK(denied(probe, source, 32 - bit).packets == 1);
        }
        CHECK_FALSE(drops(probe, from("0.0.0.0")));
        for (std::uint32_t length = 1; length <= 128; ++length) {
            in6_addr bits{};
            bits.s6_addr[(length - 1) / 8] = static_cast<std::uint8_t>(0x80 >> (length - 1) % 8);
            char text[INET6_ADDRSTRLEN];
            const std::string source = inet_ntop(AF_INET6, &bits, text, sizeof text);
            deny(probe, source, length);
            CHECK(drops(probe, from(source)));
            CHECK(denied(probe, source, length).packets == 1);
        }
        CHECK_FALSE(drops(probe, from("::")));
    });
}

TEST_CASE("an allowed address is never dropped, however long the denied prefix is") {
    on_both([](const Loaded<ssdp_bpf>& probe) {
        deny(probe, "10.9.8.7", 32);
        deny(probe, "2001:db8::7", 128);
        put(probe, "10.9.0.0", 16, allow);
        put(probe, "2001:db8::", 32, allow, uptime_ns());
        CHECK_FALSE(drops(probe, from("10.9.8.7")));
        CHECK(drops(probe, from("2001:db8::7"))); // the permission has expired
        CHECK(entry_of(probe, "10.9.0.0", 16, allow).packets == 1);
        CHECK(denied(probe, "10.9.8.7", 32).packets == 0);
        CHECK(kinds(probe, "allowed") == Kinds{{"OTHER", 1}});
        CHECK(kinds(probe, "dropped") == Kinds{{"DENIED", 1}});
    });
}

TEST_CASE("a dry run counts what it would drop, and lets a shorter entry decide") {
    on_both([](const Loaded<ssdp_bpf>& probe) {
        put(probe, "10.9.8.0", 24, dry_run);
        put(probe, "10.9.0.0", 16, dry_run);
        CHECK_FALSE(drops(probe, from("10.9.8.7")));
        CHECK(denied(probe, "10.9.8.0", 24).packets == 1);
        CHECK(denied(probe, "10.9.8.0", 24).bytes == 48);
        CHECK(denied(probe, "10.9.0.0", 16).packets == 0); // only the longest would count
        CHECK(kinds(probe, "would_drop") == Kinds{{"OTHER", 1}});
        CHECK(kinds(probe, "passed") == Kinds{{"OTHER", 1}});
        deny(probe, "10.0.0.0", 8);
        CHECK(drops(probe, from("10.9.8.7")));
        CHECK(denied(probe, "10.9.8.0", 24).packets == 2);
        CHECK(denied(probe, "10.0.0.0", 8).packets == 1);
    });
}

TEST_CASE("the counters of an entry stand on multiples of 8 in a map that keeps them there") {
    Loaded<ssdp_bpf> probe("ssdp_ingress_xdp");
    for (const bpf_map* map : {probe->maps.DENY_IPV4, probe->maps.DENY_IPV6, probe->maps.ALLOW_IPV4,
                               probe->maps.ALLOW_IPV6})
        CHECK(bpf_map__type(map) == BPF_MAP_TYPE_HASH);
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
