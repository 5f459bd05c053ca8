// SPDX-License-Identifier: BSD-2-Clause
// The network devices: by name, their links, offloads and addresses, as netlink and ethtool have
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "filter/field_value.hpp"
#include "kernel/netns.hpp"

namespace dynmon {

struct EnumSet;

// The names of all devices by index, in the calling thread's network namespace; none when they
// cannot be listed.
std::shared_ptr<const EnumSet> device_names();

// The devices of a network namespace as rtnetlink lists them: what they are and what they stand on.

struct Link {
    int ifindex = 0;
    std::string name;
    std::uint16_t type = 0; // ARPHRD_…
    std::uint32_t mtu = 0;
    std::string address;         // its link-layer address as bytes; "": it has none
    std::string kind;            // "veth", "bond", "vrf", …; "" of hardware
    int lower = 0;               // the device below, or the other end of a pair; 0: none
    std::optional<int> lower_ns; // the number, in this namespace, of the namespace that has `lower`
    int master = 0;              // the bond, bridge, team or VRF that it belongs to; 0: none
    std::uint32_t xdp_program = 0;            // 0: none
    std::optional<std::uint16_t> ipvlan_mode; // IPVLAN_MODE_…
};

// Every device of the calling thread's network namespace.
std::vector<Link> list_links();

// The namespace that has number `id` in the calling thread's, if it is one of /run/netns or that of
// the first process.
std::optional<NetNs> netns_by_id(int id);

// What a device, or the stack on its behalf, does with packets before programs see them.

// Names as the kernel has them ("rx-gro", "tx-tcp-segmentation").
struct Offloads {
    std::set<std::string> on;    // that can be switched off
    std::set<std::string> fixed; // that are on and cannot
};

// Those of a device in the calling thread's network namespace. Empty when the device does not say.
Offloads offloads_of(const std::string& device);

// The addresses and gateways of the calling thread's network namespace.

struct DeviceAddress {
    Network network; // one address
    int ifindex = 0; // 0: of no device in particular
};

std::vector<DeviceAddress> own_addresses();
std::vector<DeviceAddress> gateways(); // next hops of all routing tables, once each

} // namespace dynmon
