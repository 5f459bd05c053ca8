// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/addresses.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <set>

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "kernel/netlink.hpp"

namespace dynmon {

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
