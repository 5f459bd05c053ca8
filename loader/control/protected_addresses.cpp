// SPDX-License-Identifier: BSD-2-Clause
#include "control/protected_addresses.hpp"

#include <fstream>
#include <optional>
#include <sstream>

#include "base/error.hpp"
#include "hook/hook.hpp"
#include "kernel/device.hpp"
#include "kernel/netns.hpp"

namespace dynmon {

namespace {

void add(std::vector<ProtectedAddress>& list, const std::vector<DeviceAddress>& addresses,
         const std::string& what) {
    for (const DeviceAddress& found : addresses) {
        const std::string device = interface_name(found.ifindex);
        list.push_back({found.network, what + (device.empty() ? "" : " of " + device)});
    }
}

// `ip netns exec` shows the programs in a namespace this file in the place of /etc/resolv.conf.
std::string resolv_conf_of(const NetNs& netns) {
    const std::string name = netns.name().substr(netns.name().rfind('/') + 1);
    const std::string own = "/etc/netns/" + name + "/resolv.conf";
    return !name.empty() && std::ifstream(own).good() ? own : "/etc/resolv.conf";
}

} // namespace

std::string ProtectedAddress::text() const {
    const std::string text = network.text();
    return text.substr(0, text.find('/'));
}

std::vector<Network> resolvers_in(std::istream& resolv_conf) {
    std::vector<Network> resolvers;
    for (std::string line; std::getline(resolv_conf, line);) {
        std::istringstream words(line);
        std::string keyword, address;
        if (!(words >> keyword >> address) || keyword != "nameserver")
            continue;
        try {
            resolvers.push_back(Network::parse(address.substr(0, address.find('%'))));
        } catch (const Error&) {
            // a line that the system's resolver does not take either
        }
    }
    return resolvers;
}

std::vector<ProtectedAddress> protected_addresses(const Store& store, const HookId& hook) {
    const std::optional<NetNs> netns = netns_of(store, hook);
    if (!netns)
        throw Error(ErrorKind::failed,
                    "look for own addresses, gateways and resolvers: the network "
                    "namespace of the monitor cannot be found")
            .hint("run as root, or use --force to add without this check");
    std::vector<ProtectedAddress> list;
    during("look for own addresses, gateways and resolvers", [&] {
        const NetNsScope inside(*netns);
        add(list, own_addresses(), "an address");
        add(list, gateways(), "a gateway");
    });
    const std::string path = resolv_conf_of(*netns);
    std::ifstream file(path);
    for (const Network& resolver : resolvers_in(file))
        list.push_back({resolver, "a resolver in " + path});
    return list;
}

} // namespace dynmon
