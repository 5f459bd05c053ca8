// SPDX-License-Identifier: BSD-2-Clause
// Addresses that a machine cannot do without: its own, its gateways, its resolvers.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "filter/field_value.hpp"
#include "state/store.hpp"

namespace dynmon {

struct ProtectedAddress {
    Network network;  // one address
    std::string what; // "an address of eth0"

    std::string text() const; // without its length
};

// Those of the network namespace of a hook. Needs CAP_SYS_ADMIN when it is not the caller's; throws
// Error{failed} when it cannot be found or entered.
std::vector<ProtectedAddress> protected_addresses(const Store& store, const HookId& hook);

// The lines `nameserver ADDRESS` of a resolv.conf.
std::vector<Network> resolvers_in(std::istream& resolv_conf);

} // namespace dynmon
