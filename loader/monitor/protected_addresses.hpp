// Addresses that a machine cannot do without: its own, its gateways, its resolvers.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "query/network.hpp"

namespace dynmon {

struct ProtectedAddress {
    Network network;  // one address
    std::string what; // "an address of eth0"

    std::string text() const; // without its length
};

// Of the network namespace with that inode. Needs CAP_SYS_ADMIN when it is not the caller's; throws
// Error{failed} when it cannot be entered, Error{usage} when it is gone.
std::vector<ProtectedAddress> protected_addresses(std::uint64_t netns);

// The lines `nameserver ADDRESS` of a resolv.conf.
std::vector<Network> resolvers_in(std::istream& resolv_conf);

} // namespace dynmon
