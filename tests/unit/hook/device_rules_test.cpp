// SPDX-License-Identifier: BSD-2-Clause
#include <doctest/doctest.h>
#include <linux/if_link.h>
#include <net/if_arp.h>

#include "hook/device_rules.hpp"

using namespace dynmon;

namespace {

using Role = OffloadSource::Role;

constexpr int device_index = 7;

Link device(const char* name, const char* kind, std::uint16_t type = ARPHRD_ETHER) {
    return {.ifindex = device_index, .name = name, .type = type, .mtu = 1500, .kind = kind};
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// The reason of a refusal has to have `reason` in it, its hint `hint`.
void refused(const Link& link, const std::vector<Link>& links, HookPoint point,
             const std::string& reason, const std::string& hint) {
    const auto refusal = unsuitable(link, links, point);
    REQUIRE(refusal.has_value());
    CAPTURE(refusal->reason);
    CAPTURE(refusal->hint);
    CHECK(contains(refusal->reason, reason));
    CHECK(contains(refusal->hint, hint));
}

// The only warning, or "".
std::string warning(const Link& link, XdpMode mode, const OffloadSource& source) {
    const auto warnings = xdp_warnings(link, mode, {source});
    REQUIRE(warnings.size() <= 1);
    return warnings.empty() ? "" : warnings.front();
}

} // namespace

TEST_CASE("devices of Ethernet and of IP are taken, others are not") {
    const std::uint16_t taken[] = {ARPHRD_ETHER,   ARPHRD_LOOPBACK, ARPHRD_PPP,
                                   ARPHRD_TUNNEL,  ARPHRD_SIT,      ARPHRD_IPGRE,
                                   823 /*ip6gre*/, 0xfffe /*none*/, 519 /*rawip*/};
    for (const std::uint16_t type : taken) {
        CAPTURE(type);
        CHECK_FALSE(unsuitable(device("d", "", type), {}, HookPoint::tc_ingress));
    }
    const std::uint16_t not_taken[] = {
        824 /*nlmon*/,     826 /*vsockmon*/, ARPHRD_CAN,        ARPHRD_IEEE80211_RADIOTAP,
        ARPHRD_IEEE802154, 0xffff /*void*/,  ARPHRD_INFINIBAND, ARPHRD_HDLC};
    for (const std::uint16_t type : not_taken)
        for (const HookPoint point :
             {HookPoint::xdp, HookPoint::tc_ingress, HookPoint::tc_egress}) {
            CAPTURE(type);
            refused(device("d", "", type), {}, point, "neither Ethernet frames nor IP packets",
                    "load on ");
        }
    refused(device("n", "nlmon", 824), {}, HookPoint::tc_ingress, "824, nlmon", "Wireshark");
    refused(device("mon0", "", ARPHRD_IEEE80211_RADIOTAP), {}, HookPoint::tc_ingress, "'mon0'",
            "same radio");
    CHECK(has_raw_ip(device("w", "wireguard", 0xfffe)));
    CHECK_FALSE(has_raw_ip(device("e", "")));
    CHECK_FALSE(has_raw_ip(device("lo", "", ARPHRD_LOOPBACK)));
}

TEST_CASE("a VRF is refused with the devices that belong to it") {
    const Link vrf = device("red", "vrf");
    const std::vector<Link> links{
        vrf,
        {.ifindex = 8, .name = "eth1", .type = ARPHRD_ETHER, .master = device_index},
        {.ifindex = 9, .name = "eth2", .master = device_index},
        {.ifindex = 10, .name = "eth3"}};
    for (const HookPoint point : {HookPoint::xdp, HookPoint::tc_ingress, HookPoint::tc_egress}) {
        refused(vrf, links, point, "'red' is a VRF", "load on the devices that belong to it: ");
        CHECK(unsuitable(vrf, links, point)->hint ==
              "load on the devices that belong to it: eth1, eth2");
    }
    CHECK(unsuitable(vrf, {vrf}, HookPoint::xdp)->hint == "load on the devices that belong to it");
    CHECK_FALSE(unsuitable(links[1], links, HookPoint::tc_ingress));
}

TEST_CASE("an ipvlan of mode l3s is refused where its packets do not come") {
    Link ipvlan = device("ipv0", "ipvlan");
    ipvlan.lower = 3;
    const std::vector<Link> links{{.ifindex = 3, .name = "eth0"}, ipvlan};
    for (const std::uint16_t mode : {IPVLAN_MODE_L2, IPVLAN_MODE_L3}) {
        ipvlan.ipvlan_mode = mode;
        CHECK_FALSE(unsuitable(ipvlan, links, HookPoint::tc_ingress));
    }
    ipvlan.ipvlan_mode = IPVLAN_MODE_L3S;
    refused(ipvlan, links, HookPoint::tc_ingress, "mode l3s", "load on 'eth0'");
    refused(ipvlan, links, HookPoint::xdp, "its xdp hook", "load on 'eth0'");
    CHECK_FALSE(unsuitable(ipvlan, links, HookPoint::tc_egress));
    ipvlan.lower_ns = 4; // the number is of another namespace
    refused(ipvlan, links, HookPoint::tc_ingress, "mode l3s", "load on the device below it");
}

TEST_CASE("XDP of a bond and of its ports keep each other out") {
    Link bond = device("bond0", "bond");
    Link port{.ifindex = 8, .name = "eth1", .master = device_index};
    const Link other{.ifindex = 9, .name = "eth2", .xdp_program = 4};
    CHECK(xdp_conflict(bond, {bond, port, other}).empty());
    CHECK(xdp_conflict(port, {bond, port, other}).empty());
    port.xdp_program = 41;
    CHECK(contains(xdp_conflict(bond, {bond, port, other}), "'eth1' runs XDP program id 41"));
    port.xdp_program = 0;
    bond.xdp_program = 42;
    CHECK(contains(xdp_conflict(port, {bond, port, other}), "'bond0' runs XDP program id 42"));
}

TEST_CASE("XDP of a device above keeps it out below, XDP of the other end of a pair does not") {
    const Link below = device("eth0", "");
    const Link above{
        .ifindex = 8, .name = "eth0.5", .kind = "vlan", .lower = device_index, .xdp_program = 5};
    CHECK(contains(xdp_conflict(below, {below, above}), "'eth0.5' runs XDP program id 5"));
    const Link pair{
        .ifindex = 8, .name = "v1", .kind = "veth", .lower = device_index, .xdp_program = 5};
    CHECK(xdp_conflict(below, {below, pair}).empty());
    const Link elsewhere{.ifindex = 8,
                         .name = "m",
                         .kind = "macvlan",
                         .lower = device_index,
                         .lower_ns = 2,
                         .xdp_program = 5};
    CHECK(xdp_conflict(below, {below, elsewhere}).empty());
}

TEST_CASE("the devices whose offloads count are those at the bottom") {
    const Link bridge = device("br0", "bridge");
    const std::vector<Link> links{
        bridge,
        {.ifindex = 8, .name = "bond0", .kind = "bond", .master = device_index},
        {.ifindex = 9, .name = "eth0", .master = 8},
        {.ifindex = 10, .name = "eth1", .master = 8},
        {.ifindex = 11, .name = "v0", .kind = "veth", .lower = 12, .master = device_index},
        {.ifindex = 12, .name = "v1", .kind = "veth", .lower = 11},
        {.ifindex = 13, .name = "eth0.3", .kind = "vlan", .lower = 9}};
    const auto names = [&](const Link& link) {
        std::string all;
        for (const Link& each : offload_devices(link, links))
            all += each.name + " ";
        return all;
    };
    CHECK(names(bridge) == "eth0 eth1 v0 ");
    CHECK(names(links[6]) == "eth0 ");
    CHECK(names(links[4]) == "v0 ");
}

TEST_CASE("VLAN tags that hardware takes off are warned of, with the command") {
    const Link link = device("eth0", "");
    const OffloadSource source{.device = "eth0", .offloads = Offloads{.on = {"rx-vlan-hw-parse"}}};
    for (const XdpMode mode : {XdpMode::native, XdpMode::generic}) {
        const std::string text = warning(link, mode, source);
        CHECK(contains(text, "XDP on 'eth0' does not see VLAN tags"));
        CHECK(contains(text, "`ethtool -K eth0 rxvlan off`"));
    }
    CHECK(warning(link, XdpMode::native, {.device = "eth0", .offloads = Offloads{}}).empty());
    const OffloadSource fixed{.device = "eth0",
                              .offloads = Offloads{.fixed = {"rx-vlan-hw-parse"}}};
    CHECK(contains(warning(link, XdpMode::native, fixed), "--hook tc"));
    CHECK_FALSE(contains(warning(link, XdpMode::native, fixed), "ethtool"));
}

TEST_CASE("of a pair the other end decides, in its own namespace") {
    const Link link = device("v0", "veth");
    OffloadSource source{.role = Role::other_end,
                         .device = "v1",
                         .offloads = Offloads{.on = {"tx-vlan-hw-insert", "tx-vlan-stag-hw-insert",
                                                     "rx-vlan-hw-parse", "rx-gro"}}};
    CHECK(contains(warning(link, XdpMode::native, source),
                   "`ethtool -K v1 txvlan off tx-vlan-stag-hw-insert off`"));
    source.netns = "red";
    CHECK(contains(warning(link, XdpMode::native, source),
                   "`ip netns exec red ethtool -K v1 txvlan off"));
    source.netns = "/proc/1/ns/net";
    CHECK(contains(warning(link, XdpMode::native, source),
                   "`nsenter --net=/proc/1/ns/net ethtool -K v1 txvlan off"));
    source.offloads->on = {"tx-tcp-segmentation", "tx-tcp6-segmentation", "tx-udp-segmentation"};
    source.netns = "";
    const std::string text = warning(link, XdpMode::generic, source);
    CHECK(contains(text, "sees several packets of the wire as one"));
    CHECK(contains(text, "`ethtool -K v1 tso off tx-udp-segmentation off`"));
    CHECK(xdp_warnings(link, XdpMode::generic,
                       {{.role = Role::other_end, .device = "v0", .offloads = std::nullopt}})
              .size() == 2);
}

TEST_CASE("packets that are joined before generic XDP, and before native XDP") {
    const Link link = device("eth0", "");
    const OffloadSource gro{.device = "eth0", .offloads = Offloads{.on = {"rx-gro"}}};
    CHECK(contains(warning(link, XdpMode::generic, gro), "`ethtool -K eth0 gro off`"));
    CHECK(warning(link, XdpMode::native, gro).empty()); // joined behind it
    const OffloadSource hardware{.device = "eth0",
                                 .offloads = Offloads{.on = {"rx-lro", "rx-gro-hw"}}};
    CHECK(contains(warning(link, XdpMode::native, hardware),
                   "`ethtool -K eth0 lro off rx-gro-hw off`"));
    const OffloadSource list{.device = "eth0", .offloads = Offloads{.on = {"rx-gro-list"}}};
    CHECK(warning(link, XdpMode::generic, list).empty()); // does nothing without rx-gro
    const OffloadSource loopback{
        .device = "lo", .loopback = true, .offloads = Offloads{.on = {"tx-tcp-segmentation"}}};
    CHECK(
        contains(warning(device("lo", ""), XdpMode::generic, loopback), "`ethtool -K lo tso off`"));
}

TEST_CASE("what a virtual machine sends can be changed only there") {
    const std::string text =
        warning(device("tap0", "tun"), XdpMode::native, {.role = Role::behind, .device = "tap0"});
    CHECK(contains(text, "`ethtool -K DEVICE tso off gso off` in the virtual machine behind "
                         "'tap0'"));
}

TEST_CASE("many devices make one sentence") {
    std::vector<OffloadSource> sources;
    for (int i = 0; i < 9; ++i)
        sources.push_back({.device = "eth" + std::to_string(i),
                           .offloads = Offloads{.on = {"rx-vlan-hw-parse", "rx-gro"}}});
    const auto warnings = xdp_warnings(device("br0", "bridge"), XdpMode::generic, sources);
    REQUIRE(warnings.size() == 2);
    CHECK(contains(warnings[0], "'eth3', 5 more"));
    CHECK(contains(warnings[1], "`ethtool -K eth3 gro off`, 5 more"));
}
