// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/filter_watch.hpp"

#include <cerrno>

#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>

#include "base/error.hpp"
#include "kernel/netlink.hpp"

namespace dynmon {

FilterWatch::FilterWatch() : socket_(open_netlink()) {}

bool FilterWatch::has_device(int ifindex) const {
    ifinfomsg request{};
    request.ifi_index = ifindex;
    const int fault = ask_netlink(socket_, RTM_GETLINK, 0, &request, sizeof request, "an interface",
                                  [](const nlmsghdr*) {});
    if (fault != 0 && fault != ENODEV)
        throw Error(ErrorKind::failed, "look for interface " + std::to_string(ifindex), fault);
    return fault == 0;
}

std::optional<std::uint32_t> FilterWatch::program(int ifindex, TcDirection direction) const {
    tcmsg request{};
    request.tcm_ifindex = ifindex;
    request.tcm_parent = tc_parent(direction);
    std::optional<std::uint32_t> found;
    // The kernel refuses when there is no such device, or no clsact qdisc on it.
    ask_netlink(socket_, RTM_GETTFILTER, NLM_F_DUMP, &request, sizeof request, "TC filters",
                [&](const nlmsghdr* answer) {
                    const Attributes attributes = attributes_of<tcmsg>(answer);
                    if (static_cast<const tcmsg*>(NLMSG_DATA(answer))->tcm_handle ==
                            filter_handle &&
                        attributes.text(TCA_KIND) == "bpf")
                        if (const auto id =
                                attributes.nested(TCA_OPTIONS).number<std::uint32_t>(TCA_BPF_ID))
                            found = id;
                });
    return found;
}

} // namespace dynmon
