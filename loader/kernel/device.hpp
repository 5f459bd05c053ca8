// Facts of a network device.
#pragma once

#include <memory>
#include <string>

#include "layout/layout.hpp"

namespace dynmon {

struct DeviceFacts {
    int ifindex = 0;
    bool raw_ip = false; // frames start with the IP header (tun, wireguard, ppp)
    std::string driver;  // "veth", "virtio_net"; "": it does not say
};

// In the calling thread's network namespace. Throws Error{usage} with the nearest existing name.
DeviceFacts device_facts(const std::string& name);

// The names of all devices by index, in the calling thread's network namespace; none when they
// cannot be listed.
std::shared_ptr<const EnumSet> device_names();

} // namespace dynmon
