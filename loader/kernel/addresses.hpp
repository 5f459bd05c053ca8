// SPDX-License-Identifier: BSD-2-Clause
// The addresses and gateways of the calling thread's network namespace.
#pragma once

#include <vector>

#include "filter/network.hpp"

namespace dynmon {

struct DeviceAddress {
    Network network; // one address
    int ifindex = 0; // 0: of no device in particular
};

std::vector<DeviceAddress> own_addresses();
std::vector<DeviceAddress> gateways(); // next hops of all routing tables, once each

} // namespace dynmon
