// SPDX-License-Identifier: BSD-2-Clause
// The devices of a network namespace as rtnetlink lists them: what they are and what they stand on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/netns.hpp"

namespace dynmon {

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

} // namespace dynmon
