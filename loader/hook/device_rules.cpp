// SPDX-License-Identifier: BSD-2-Clause
#include "hook/device_rules.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include <linux/if_link.h>
#include <net/if_arp.h>

#include "base/error.hpp"
#include "hook/hook.hpp"

namespace dynmon {

std::uint32_t device_mtu(const Store& store, const HookId& id) {
    try {
        const std::optional<NetNs> netns = netns_of(store, id);
        if (!netns)
            return 0;
        const NetNsScope inside(*netns);
        return link_of(list_links(), id.ifindex).mtu;
    } catch (const Error&) {
        return 0;
    }
}

Link link_of(const std::vector<Link>& links, int ifindex) {
    const auto found = std::find_if(links.begin(), links.end(),
                                    [&](const Link& link) { return link.ifindex == ifindex; });
    if (found == links.end())
        throw Error(ErrorKind::failed, "look at interface " + std::to_string(ifindex), ENODEV);
    return *found;
}

void require_suitable(const Link& device, const std::vector<Link>& links, HookPoint point) {
    if (const auto refusal = unsuitable(device, links, point))
        throw Error(ErrorKind::unsupported, refusal->reason).hint(refusal->hint);
}

namespace {

OffloadSource other_end_here(const Link& device, const std::string& netns) {
    OffloadSource source{.role = OffloadSource::Role::other_end, .netns = netns};
    source.device = interface_name(device.lower);
    source.offloads = offloads_of(source.device);
    return source;
}

OffloadSource other_end(const Link& device) {
    const OffloadSource unknown{.role = OffloadSource::Role::other_end, .device = device.name};
    try {
        if (!device.lower_ns)
            return other_end_here(device, "");
        const std::optional<NetNs> netns = netns_by_id(*device.lower_ns);
        if (!netns)
            return unknown;
        const NetNsScope inside(*netns);
        return other_end_here(device, netns->name());
    } catch (const Error&) {
        return unknown; // not ours to enter, or gone
    }
}

// The other end of a pair decides, but for what the device joins by itself.
OffloadSource near_end(const Link& device) {
    OffloadSource source{.device = device.name, .offloads = Offloads{}};
    if (offloads_of(device.name).on.contains("rx-gro"))
        source.offloads->on.insert("rx-gro");
    return source;
}

} // namespace

std::vector<OffloadSource> offload_sources(const Link& device, const std::vector<Link>& links) {
    std::vector<OffloadSource> sources;
    for (const Link& each : offload_devices(device, links)) {
        if (is_pair(each)) {
            sources.push_back(near_end(each));
            sources.push_back(other_end(each));
        } else if (each.kind == "tun") {
            sources.push_back({.role = OffloadSource::Role::behind, .device = each.name});
        } else {
            sources.push_back({.device = each.name,
                               .loopback = each.type == ARPHRD_LOOPBACK,
                               .offloads = offloads_of(each.name)});
        }
    }
    return sources;
}

namespace {

// Types that the headers of older systems do not name.
constexpr std::uint16_t type_raw_ip = 519;
constexpr std::uint16_t type_ip6gre = 823;
constexpr std::uint16_t type_netlink = 824;
constexpr std::uint16_t type_6lowpan = 825;
constexpr std::uint16_t type_none = 0xfffe;

bool is_ethernet(const Link& device) {
    return device.type == ARPHRD_ETHER || device.type == ARPHRD_LOOPBACK;
}

std::string names_of(const std::vector<Link>& links, int master) {
    std::string names;
    for (const Link& link : links)
        if (link.master == master)
            names += (names.empty() ? "" : ", ") + link.name;
    return names;
}

const Link* find(const std::vector<Link>& links, int ifindex) {
    const auto found = std::find_if(links.begin(), links.end(),
                                    [&](const Link& link) { return link.ifindex == ifindex; });
    return found == links.end() ? nullptr : &*found;
}

Refusal refuse_type(const Link& device) {
    std::string hint = "load on the Ethernet or IP device that the packets go through";
    if (device.type == type_netlink)
        hint = "it shows messages between programs and the kernel, which Wireshark reads; " + hint;
    else if (device.type >= ARPHRD_IEEE80211 && device.type <= ARPHRD_IEEE80211_RADIOTAP)
        hint = "load on the station or access point interface of the same radio, which has "
               "Ethernet frames";
    return {"'" + device.name + "' carries neither Ethernet frames nor IP packets (device type " +
                std::to_string(device.type) +
                (device.kind.empty() ? ")" : ", " + device.kind + ")"),
            hint};
}

Refusal refuse_vrf(const Link& device, const std::vector<Link>& links) {
    const std::string ports = names_of(links, device.ifindex);
    return {"'" + device.name + "' is a VRF: the kernel runs neither TC nor XDP there",
            "load on the devices that belong to it" + (ports.empty() ? "" : ": " + ports)};
}

Refusal refuse_ipvlan_l3s(const Link& device, const std::vector<Link>& links, HookPoint point) {
    const Link* below = device.lower_ns ? nullptr : find(links, device.lower);
    return {"'" + device.name + "' is an ipvlan of mode l3s: what comes in does not pass its " +
                to_string(point) + " hook",
            (below != nullptr ? "load on '" + below->name + "', the device below it"
                              : std::string("load on the device below it")) +
                ", or use mode l2 or l3"};
}

} // namespace

bool has_raw_ip(const Link& device) {
    return !is_ethernet(device);
}

std::optional<Refusal> unsuitable(const Link& device, const std::vector<Link>& links,
                                  HookPoint point) {
    static const std::set<std::uint16_t> ip_types{
        ARPHRD_SLIP,   ARPHRD_CSLIP,  ARPHRD_SLIP6,   ARPHRD_CSLIP6, ARPHRD_PPP,
        type_raw_ip,   ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT,    ARPHRD_IPGRE,
        ARPHRD_PIMREG, type_ip6gre,   type_6lowpan,   type_none};
    if (!is_ethernet(device) && !ip_types.contains(device.type))
        return refuse_type(device);
    if (device.kind == "vrf")
        return refuse_vrf(device, links);
    if (point != HookPoint::tc_egress && device.ipvlan_mode == IPVLAN_MODE_L3S)
        return refuse_ipvlan_l3s(device, links, point);
    return std::nullopt;
}

std::string xdp_conflict(const Link& device, const std::vector<Link>& links) {
    const auto runs = [](const Link& other) {
        return "'" + other.name + "' runs XDP program id " + std::to_string(other.xdp_program);
    };
    for (const Link& other : links) {
        const bool above = other.ifindex == device.master ||
                           (other.lower == device.ifindex && !other.lower_ns && !is_pair(other));
        if (above && other.xdp_program != 0)
            return runs(other) + ", and the kernel allows none on a device below it";
        if (other.master == device.ifindex && device.kind == "bond" && other.xdp_program != 0)
            return runs(other) + ", and a bond takes no XDP program while one of its ports has one";
    }
    return "";
}

bool is_pair(const Link& device) {
    return device.kind == "veth" || device.kind == "netkit";
}

std::vector<Link> offload_devices(const Link& device, const std::vector<Link>& links) {
    // The kinds where only the devices below get packets from outside.
    static const std::set<std::string> stacked{
        "bond", "bridge", "ipvlan", "ipvtap", "macvlan", "macvtap", "openvswitch", "team", "vlan"};
    std::vector<Link> found;
    std::vector<Link> open{device};
    std::set<int> seen{device.ifindex};
    while (!open.empty()) {
        const Link next = open.back();
        open.pop_back();
        if (!stacked.contains(next.kind)) {
            found.push_back(next);
            continue;
        }
        for (const Link& link : links) {
            const bool below =
                link.master == next.ifindex || (link.ifindex == next.lower && !next.lower_ns);
            if (below && seen.insert(link.ifindex).second)
                open.push_back(link);
        }
    }
    std::sort(found.begin(), found.end(),
              [](const Link& one, const Link& other) { return one.ifindex < other.ifindex; });
    return found;
}

namespace {

// A feature as the kernel names it, and as `ethtool -K` has always called it.
using Switch = std::pair<const char*, const char*>;

const std::vector<Switch> takes_tags_off{{"rx-vlan-hw-parse", "rxvlan"},
                                         {"rx-vlan-stag-hw-parse", "rx-vlan-stag-hw-parse"}};
const std::vector<Switch> hands_tags_over{{"tx-vlan-hw-insert", "txvlan"},
                                          {"tx-vlan-stag-hw-insert", "tx-vlan-stag-hw-insert"}};
const std::vector<Switch> joins_early{{"rx-lro", "lro"}, {"rx-gro-hw", "rx-gro-hw"}};
const std::vector<Switch> joins{{"rx-gro", "gro"}, {"rx-lro", "lro"}, {"rx-gro-hw", "rx-gro-hw"}};
const std::vector<Switch> sends_large{{"tx-tcp*", "tso"}, // of several features
                                      {"tx-udp-segmentation", "tx-udp-segmentation"},
                                      {"tx-sctp-segmentation", "tx-sctp-segmentation"},
                                      {"tx-gso-list", "tx-gso-list"}};

bool has(const std::set<std::string>& features, std::string_view name) {
    if (!name.ends_with('*'))
        return features.contains(std::string(name));
    name.remove_suffix(1);
    return std::any_of(features.begin(), features.end(),
                       [&](const std::string& feature) { return feature.starts_with(name); });
}

// What keeps one kind of wrong count away: a command, or what to do where there is none.
struct Remedies {
    std::vector<std::string> texts;
    std::vector<std::string> devices; // that cause it
};

std::string command_prefix(const OffloadSource& source) {
    if (source.netns.empty())
        return "ethtool -K ";
    return source.netns.find('/') == std::string::npos
               ? "ip netns exec " + source.netns + " ethtool -K "
               : "nsenter --net=" + source.netns + " ethtool -K ";
}

void add_remedy(const OffloadSource& source, const std::vector<Switch>& switches, Remedies& to) {
    std::string words;
    bool fixed = false;
    for (const auto& [feature, word] : switches) {
        // What cannot be looked at has the defaults of a pair, where everything is on.
        if (!source.offloads || has(source.offloads->on, feature))
            words += std::string(" ") + word + " off";
        fixed = fixed || (source.offloads && has(source.offloads->fixed, feature));
    }
    if (words.empty() && !fixed)
        return;
    to.devices.push_back("'" + source.device + "'");
    if (!source.offloads)
        to.texts.push_back("`ethtool -K DEVICE" + words + "` for the other end of '" +
                           source.device + "', in a namespace that dynmon cannot look into");
    else if (!words.empty())
        to.texts.push_back("`" + command_prefix(source) + source.device + words + "`");
}

std::string joined(const std::vector<std::string>& texts, const char* separator) {
    constexpr std::size_t most = 4;
    std::string all;
    for (std::size_t i = 0; i < texts.size() && i < most; ++i)
        all += (i == 0 ? "" : separator) + texts[i];
    if (texts.size() > most)
        all += separator + std::to_string(texts.size() - most) + " more";
    return all;
}

std::string warning(const std::string& problem, const Remedies& remedies) {
    std::string text = problem;
    if (!remedies.texts.empty())
        text += "; to switch it off: " + joined(remedies.texts, ", ");
    return text + "; --hook tc needs none of this";
}

} // namespace

std::vector<std::string> xdp_warnings(const Link& device, XdpMode mode,
                                      const std::vector<OffloadSource>& sources) {
    Remedies tags;
    Remedies large;
    for (const OffloadSource& source : sources) {
        switch (source.role) {
        case OffloadSource::Role::itself:
            add_remedy(source, takes_tags_off, tags);
            add_remedy(source,
                       source.loopback            ? sends_large
                       : mode == XdpMode::generic ? joins
                                                  : joins_early,
                       large);
            break;
        case OffloadSource::Role::other_end:
            add_remedy(source, hands_tags_over, tags);
            add_remedy(source, sends_large, large);
            break;
        case OffloadSource::Role::behind:
            large.devices.push_back("'" + source.device + "'");
            large.texts.push_back("`ethtool -K DEVICE tso off gso off` in the virtual machine "
                                  "behind '" +
                                  source.device + "'");
        }
    }
    std::vector<std::string> warnings;
    const std::string where = std::string(to_string(mode)) + " XDP on '" + device.name + "'";
    if (!tags.devices.empty())
        warnings.push_back(
            warning(where + " does not see VLAN tags that these devices take out of the frame: " +
                        joined(tags.devices, ", ") +
                        "; a tagged packet shows VLAN 0, one with two tags shows the inner VLAN",
                    tags));
    if (!large.devices.empty())
        warnings.push_back(
            warning(where +
                        " sees several packets of the wire as one, for these devices join them "
                        "or send them in one piece: " +
                        joined(large.devices, ", ") + "; packets and bytes are then estimates",
                    large));
    return warnings;
}

} // namespace dynmon
