// Facts of a network device.
#pragma once

#include <string>

namespace dynmon {

struct DeviceFacts {
    int ifindex = 0;
    bool raw_ip = false; // frames start with the IP header (tun, wireguard, ppp)
};

// In the calling thread's network namespace. Throws Error{usage} with the nearest existing name.
DeviceFacts device_facts(const std::string& name);

} // namespace dynmon
