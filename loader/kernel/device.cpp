#include "kernel/device.hpp"

#include <cerrno>
#include <cstring>

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "kernel/netns.hpp"

namespace dynmon {

DeviceFacts device_facts(const std::string& name) {
    DeviceFacts facts{.ifindex = interface_index(name)};
    const Fd socket_fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strncpy(request.ifr_name, name.c_str(), sizeof request.ifr_name - 1);
    if (!socket_fd || ioctl(socket_fd.get(), SIOCGIFHWADDR, &request) != 0)
        throw Error(ErrorKind::failed, "ask for the type of '" + name + "'", errno);
    const int type = request.ifr_hwaddr.sa_family;
    facts.raw_ip = type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK;
    ethtool_drvinfo driver{.cmd = ETHTOOL_GDRVINFO};
    request.ifr_data = reinterpret_cast<char*>(&driver);
    if (ioctl(socket_fd.get(), SIOCETHTOOL, &request) == 0)
        facts.driver.assign(driver.driver, strnlen(driver.driver, sizeof driver.driver));
    return facts;
}

std::shared_ptr<const EnumSet> device_names() {
    auto set = std::make_shared<EnumSet>();
    set->name = "ifindex";
    set->values = interface_names();
    return set;
}

} // namespace dynmon
