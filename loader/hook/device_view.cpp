// SPDX-License-Identifier: BSD-2-Clause
#include "hook/device_view.hpp"

#include <algorithm>
#include <cerrno>

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

} // namespace dynmon
