// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/links.hpp"

#include <array>
#include <filesystem>

#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "kernel/netlink.hpp"

namespace dynmon {

namespace {

std::string address_of(const Attributes& attributes) {
    const rtattr* attribute = attributes.find(IFLA_ADDRESS);
    return attribute == nullptr
               ? ""
               : std::string(static_cast<const char*>(RTA_DATA(attribute)), RTA_PAYLOAD(attribute));
}

std::uint32_t xdp_program_of(const Attributes& xdp) {
    for (const int which :
         {IFLA_XDP_PROG_ID, IFLA_XDP_DRV_PROG_ID, IFLA_XDP_SKB_PROG_ID, IFLA_XDP_HW_PROG_ID})
        if (const auto id = xdp.number<std::uint32_t>(which); id.value_or(0) != 0)
            return *id;
    return 0;
}

Link link_of(const nlmsghdr* message) {
    const auto* head = static_cast<const ifinfomsg*>(NLMSG_DATA(message));
    const Attributes attributes = attributes_of<ifinfomsg>(message);
    const Attributes info = attributes.nested(IFLA_LINKINFO);
    Link link{.ifindex = head->ifi_index,
              .name = attributes.text(IFLA_IFNAME),
              .type = head->ifi_type,
              .mtu = attributes.number<std::uint32_t>(IFLA_MTU).value_or(0),
              .address = address_of(attributes),
              .kind = info.text(IFLA_INFO_KIND),
              .lower = attributes.number<int>(IFLA_LINK).value_or(0),
              .lower_ns = attributes.number<int>(IFLA_LINK_NETNSID),
              .master = attributes.number<int>(IFLA_MASTER).value_or(0),
              .xdp_program = xdp_program_of(attributes.nested(IFLA_XDP))};
    if (link.lower == link.ifindex && !link.lower_ns)
        link.lower = 0; // a device that stands on nothing may name itself
    if (link.kind == "ipvlan" || link.kind == "ipvtap")
        link.ipvlan_mode = info.nested(IFLA_INFO_DATA).number<std::uint16_t>(IFLA_IPVLAN_MODE);
    return link;
}

// The number by which the calling thread's namespace knows `netns`.
std::optional<int> netns_id(const NetNs& netns) {
    struct {
        rtgenmsg head;
        char padding[NLMSG_ALIGN(sizeof(rtgenmsg)) - sizeof(rtgenmsg)];
        rtattr attribute;
        int fd;
    } request{};
    request.head.rtgen_family = AF_UNSPEC;
    request.attribute.rta_type = NETNSA_FD;
    request.attribute.rta_len = RTA_LENGTH(sizeof request.fd);
    request.fd = netns.fd().get();
    std::optional<int> id;
    ask_netlink(RTM_GETNSID, 0, &request, sizeof request, "the number of a network namespace",
                [&](const nlmsghdr* answer) {
                    id = attributes_of<rtgenmsg>(answer).number<int>(NETNSA_NSID);
                });
    return id;
}

std::vector<std::string> known_namespaces() {
    std::vector<std::string> paths{"/proc/1/ns/net"};
    std::error_code fault;
    for (const auto& entry : std::filesystem::directory_iterator("/run/netns", fault))
        paths.push_back(entry.path().filename().string());
    return paths;
}

} // namespace

std::vector<Link> list_links() {
    ifinfomsg request{};
    request.ifi_family = AF_UNSPEC;
    std::vector<Link> links;
    const int refusal = ask_netlink(RTM_GETLINK, NLM_F_DUMP, &request, sizeof request, "devices",
                                    [&](const nlmsghdr* answer) {
                                        if (answer->nlmsg_type == RTM_NEWLINK)
                                            links.push_back(link_of(answer));
                                    });
    if (refusal != 0)
        throw Error(ErrorKind::failed, "list the devices", refusal);
    return links;
}

std::optional<NetNs> netns_by_id(int id) {
    for (const std::string& name : known_namespaces()) {
        try {
            NetNs candidate = NetNs::open(name);
            if (netns_id(candidate) == id)
                return candidate;
        } catch (const Error&) {
            // not ours to open, or gone
        }
    }
    return std::nullopt;
}

} // namespace dynmon
