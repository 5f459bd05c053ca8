// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/device.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "btf/layout.hpp"
#include "kernel/netlink.hpp"
#include "kernel/netns.hpp"

namespace dynmon {

std::shared_ptr<const EnumSet> device_names() {
    auto set = std::make_shared<EnumSet>();
    set->name = "ifindex";
    set->values = interface_names();
    return set;
}

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

namespace {

// An ioctl of ethtool, whose structure ends with as many elements as its middle says.
class Question {
public:
    Question(std::size_t size, const std::string& device)
        : bytes_((size + sizeof(std::uint64_t) - 1) / sizeof(std::uint64_t)),
          socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        std::strncpy(request_.ifr_name, device.c_str(), sizeof request_.ifr_name - 1);
        request_.ifr_data = reinterpret_cast<char*>(bytes_.data());
    }
    template <typename Structure>
    Structure* as() {
        return reinterpret_cast<Structure*>(bytes_.data());
    }
    bool ask() { return socket_ && ioctl(socket_.get(), SIOCETHTOOL, &request_) == 0; }

private:
    std::vector<std::uint64_t> bytes_; // aligned
    Fd socket_;
    ifreq request_{};
};

std::uint32_t count_features(const std::string& device) {
    Question question(sizeof(ethtool_sset_info) + sizeof(std::uint32_t), device);
    auto* info = question.as<ethtool_sset_info>();
    info->cmd = ETHTOOL_GSSET_INFO;
    info->sset_mask = 1ull << ETH_SS_FEATURES;
    return question.ask() && info->sset_mask != 0 ? info->data[0] : 0;
}

std::vector<std::string> feature_names(const std::string& device, std::uint32_t count) {
    Question question(sizeof(ethtool_gstrings) + std::size_t{count} * ETH_GSTRING_LEN, device);
    auto* strings = question.as<ethtool_gstrings>();
    strings->cmd = ETHTOOL_GSTRINGS;
    strings->string_set = ETH_SS_FEATURES;
    strings->len = count;
    std::vector<std::string> names;
    if (!question.ask())
        return names;
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto* name = reinterpret_cast<const char*>(strings->data) + i * ETH_GSTRING_LEN;
        names.emplace_back(name, strnlen(name, ETH_GSTRING_LEN));
    }
    return names;
}

} // namespace

Offloads offloads_of(const std::string& device) {
    constexpr std::uint32_t bits = 32;
    const std::uint32_t count = count_features(device);
    const std::vector<std::string> names = feature_names(device, count);
    const std::uint32_t blocks = (count + bits - 1) / bits;
    Question question(sizeof(ethtool_gfeatures) + blocks * sizeof(ethtool_get_features_block),
                      device);
    auto* features = question.as<ethtool_gfeatures>();
    features->cmd = ETHTOOL_GFEATURES;
    features->size = blocks;
    Offloads offloads;
    if (names.empty() || !question.ask())
        return offloads;
    for (std::uint32_t i = 0; i < count; ++i) {
        const ethtool_get_features_block& block = features->features[i / bits];
        const std::uint32_t bit = 1u << i % bits;
        if ((block.active & bit) == 0)
            continue;
        const bool changes = (block.available & bit) != 0 && (block.never_changed & bit) == 0;
        (changes ? offloads.on : offloads.fixed).insert(names[i]);
    }
    return offloads;
}

namespace {

// Asks for everything of one kind, in both families. Returns the errno of the kernel's refusal.
template <typename Message>
int dump_all(int request_type, int answer_type,
             const std::function<void(const Message&, const Attributes&)>& visit) {
    const Message request{};
    return ask_netlink(request_type, NLM_F_DUMP, &request, sizeof request, "addresses and routes",
                       [&](const nlmsghdr* answer) {
                           if (answer->nlmsg_type == answer_type)
                               visit(*static_cast<const Message*>(NLMSG_DATA(answer)),
                                     attributes_of<Message>(answer));
                       });
}

void require_answer(int error_number) {
    if (error_number != 0)
        throw Error(ErrorKind::failed, "read addresses and routes", error_number);
}

// Nothing: the bytes are no address of that family.
std::optional<Network> one_address(int family, const void* bytes, std::size_t length) {
    const std::size_t size = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
    if (size == 0 || length < size)
        return std::nullopt;
    return Network{family == AF_INET,
                   Prefix::of(bytes, size, static_cast<std::uint32_t>(size * 8))};
}

std::optional<Network> address_in(int family, const Attributes& attributes, int type) {
    const rtattr* attribute = attributes.find(type);
    if (attribute == nullptr)
        return std::nullopt;
    return one_address(family, RTA_DATA(attribute), RTA_PAYLOAD(attribute));
}

// RTA_GATEWAY or, for a next hop of the other family, RTA_VIA, which begins with the family.
std::optional<Network> gateway_in(int family, const Attributes& attributes) {
    const auto other = attributes.number<__u16>(RTA_VIA);
    if (!other)
        return address_in(family, attributes, RTA_GATEWAY);
    const rtattr* via = attributes.find(RTA_VIA);
    return one_address(*other, static_cast<const char*>(RTA_DATA(via)) + sizeof *other,
                       RTA_PAYLOAD(via) - sizeof *other);
}

class Gateways {
public:
    void add_route(const rtmsg& route, const Attributes& attributes) {
        if (const auto id = attributes.number<std::uint32_t>(RTA_NH_ID))
            used_.insert(*id);
        if (const rtattr* multipath = attributes.find(RTA_MULTIPATH))
            add_next_hops(route.rtm_family, *multipath);
        else
            add(gateway_in(route.rtm_family, attributes),
                attributes.number<int>(RTA_OIF).value_or(0));
    }

    // A next hop object, or a group of them. A route names it by its id, and with
    // net.ipv4.nexthop_compat_mode=0 the kernel says no more of the route's gateway.
    void add_object(const nhmsg& object, const Attributes& attributes) {
        const std::uint32_t id = attributes.number<std::uint32_t>(NHA_ID).value_or(0);
        if (used_.count(id) == 0)
            return;
        add(address_in(object.nh_family, attributes, NHA_GATEWAY),
            attributes.number<int>(NHA_OIF).value_or(0));
    }

    // The members of a group that a route names are used as well.
    void add_group(const Attributes& attributes) {
        const rtattr* group = attributes.find(NHA_GROUP);
        const std::uint32_t id = attributes.number<std::uint32_t>(NHA_ID).value_or(0);
        if (group == nullptr || used_.count(id) == 0)
            return;
        const auto* members = static_cast<const char*>(RTA_DATA(group));
        for (std::size_t at = 0; at + sizeof(nexthop_grp) <= RTA_PAYLOAD(group);
             at += sizeof(nexthop_grp)) {
            nexthop_grp member{};
            std::memcpy(&member, members + at, sizeof member);
            used_.insert(member.id);
        }
    }

    bool names_objects() const { return !used_.empty(); }
    const std::vector<DeviceAddress>& list() const { return list_; }

private:
    void add(const std::optional<Network>& gateway, int ifindex) {
        const auto same = [&](const DeviceAddress& other) { return other.network == *gateway; };
        if (gateway && std::none_of(list_.begin(), list_.end(), same))
            list_.push_back({*gateway, ifindex});
    }

    void add_next_hops(int family, const rtattr& multipath) {
        auto length = static_cast<int>(RTA_PAYLOAD(&multipath));
        const auto* hop = static_cast<const rtnexthop*>(RTA_DATA(&multipath));
        while (RTNH_OK(hop, length)) {
            add(gateway_in(family, {RTNH_DATA(hop), hop->rtnh_len - RTNH_LENGTH(0)}),
                hop->rtnh_ifindex);
            length -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
            hop = RTNH_NEXT(hop);
        }
    }

    std::vector<DeviceAddress> list_;
    std::set<std::uint32_t> used_; // ids of next hop objects
};

} // namespace

std::vector<DeviceAddress> own_addresses() {
    std::vector<DeviceAddress> list;
    require_answer(dump_all<ifaddrmsg>(
        RTM_GETADDR, RTM_NEWADDR, [&](const ifaddrmsg& message, const Attributes& attributes) {
            // On a point-to-point device IFA_ADDRESS is the other end, and IFA_LOCAL is this one.
            const int type = attributes.find(IFA_LOCAL) != nullptr ? IFA_LOCAL : IFA_ADDRESS;
            if (const auto address = address_in(message.ifa_family, attributes, type))
                list.push_back({*address, static_cast<int>(message.ifa_index)});
        }));
    return list;
}

std::vector<DeviceAddress> gateways() {
    Gateways found;
    require_answer(dump_all<rtmsg>(RTM_GETROUTE, RTM_NEWROUTE,
                                   [&](const rtmsg& route, const Attributes& attributes) {
                                       found.add_route(route, attributes);
                                   }));
    if (!found.names_objects()) // as before Linux 5.3, which has none
        return found.list();
    require_answer(dump_all<nhmsg>(
        RTM_GETNEXTHOP, RTM_NEWNEXTHOP,
        [&](const nhmsg&, const Attributes& attributes) { found.add_group(attributes); }));
    require_answer(dump_all<nhmsg>(RTM_GETNEXTHOP, RTM_NEWNEXTHOP,
                                   [&](const nhmsg& object, const Attributes& attributes) {
                                       found.add_object(object, attributes);
                                   }));
    return found.list();
}

} // namespace dynmon
