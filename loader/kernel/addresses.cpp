#include "kernel/addresses.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace dynmon {

namespace {

using VisitAttribute = std::function<void(const rtattr&)>;

// Asks for everything of one kind, in both families.
template <typename Message>
void dump_all(int request_type, int answer_type,
              const std::function<void(const nlmsghdr&, const Message&)>& visit) {
    const Fd socket_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct {
        nlmsghdr header;
        Message message;
    } request{};
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof(Message));
    request.header.nlmsg_type = static_cast<__u16>(request_type);
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    if (!socket_fd || send(socket_fd.get(), &request, request.header.nlmsg_len, 0) < 0)
        throw Error(ErrorKind::failed, "ask for addresses and routes", errno);
    alignas(nlmsghdr) std::array<char, 32768> buffer;
    for (;;) {
        const ssize_t received = recv(socket_fd.get(), buffer.data(), buffer.size(), 0);
        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0)
            throw Error(ErrorKind::failed, "read addresses and routes", errno);
        auto length = static_cast<std::uint32_t>(received);
        for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, length);
             header = NLMSG_NEXT(header, length)) {
            if (header->nlmsg_type == NLMSG_DONE)
                return;
            if (header->nlmsg_type == NLMSG_ERROR)
                throw Error(ErrorKind::failed, "read addresses and routes",
                            -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error);
            if (header->nlmsg_type == answer_type)
                visit(*header, *static_cast<const Message*>(NLMSG_DATA(header)));
        }
    }
}

void for_each_attribute(const rtattr* first, std::size_t size, const VisitAttribute& visit) {
    auto length = static_cast<int>(size);
    for (const rtattr* attribute = first; RTA_OK(attribute, length);
         attribute = RTA_NEXT(attribute, length))
        visit(*attribute);
}

template <typename Message>
void for_each_attribute(const nlmsghdr& header, const Message& message,
                        const VisitAttribute& visit) {
    const auto* first = reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(&message) +
                                                        NLMSG_ALIGN(sizeof message));
    for_each_attribute(first, header.nlmsg_len - NLMSG_LENGTH(sizeof message), visit);
}

Network one_address(int family, const void* bytes) {
    const std::size_t size = family == AF_INET ? 4 : 16;
    return {family == AF_INET, Prefix::of(bytes, size, static_cast<std::uint32_t>(size * 8))};
}

// Of RTA_GATEWAY and, for a next hop of the other family, RTA_VIA; the family comes first there.
void add_gateway(std::vector<DeviceAddress>& list, int family, const rtattr& attribute,
                 int ifindex) {
    const auto* data = static_cast<const unsigned char*>(RTA_DATA(&attribute));
    if (attribute.rta_type == RTA_VIA) {
        __u16 via = 0;
        std::memcpy(&via, data, sizeof via);
        family = via;
        data += sizeof via;
    } else if (attribute.rta_type != RTA_GATEWAY) {
        return;
    }
    if (family != AF_INET && family != AF_INET6)
        return;
    const DeviceAddress gateway{one_address(family, data), ifindex};
    const auto same = [&](const DeviceAddress& other) { return other.network == gateway.network; };
    if (std::none_of(list.begin(), list.end(), same))
        list.push_back(gateway);
}

void add_next_hops(std::vector<DeviceAddress>& list, int family, const rtattr& multipath) {
    auto length = static_cast<int>(RTA_PAYLOAD(&multipath));
    const auto* hop = static_cast<const rtnexthop*>(RTA_DATA(&multipath));
    while (RTNH_OK(hop, length)) {
        for_each_attribute(RTNH_DATA(hop), hop->rtnh_len - RTNH_LENGTH(0),
                           [&](const rtattr& attribute) {
                               add_gateway(list, family, attribute, hop->rtnh_ifindex);
                           });
        length -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
        hop = RTNH_NEXT(hop);
    }
}

} // namespace

std::vector<DeviceAddress> own_addresses() {
    std::vector<DeviceAddress> list;
    dump_all<ifaddrmsg>(
        RTM_GETADDR, RTM_NEWADDR, [&](const nlmsghdr& header, const ifaddrmsg& message) {
            // Of a point-to-point device IFA_ADDRESS is the other end, IFA_LOCAL is this one.
            const void* address = nullptr;
            bool local = false;
            for_each_attribute(header, message, [&](const rtattr& attribute) {
                if (attribute.rta_type != IFA_LOCAL && (attribute.rta_type != IFA_ADDRESS || local))
                    return;
                address = RTA_DATA(&attribute);
                local = local || attribute.rta_type == IFA_LOCAL;
            });
            if (address != nullptr &&
                (message.ifa_family == AF_INET || message.ifa_family == AF_INET6))
                list.push_back({one_address(message.ifa_family, address),
                                static_cast<int>(message.ifa_index)});
        });
    return list;
}

std::vector<DeviceAddress> gateways() {
    std::vector<DeviceAddress> list;
    dump_all<rtmsg>(RTM_GETROUTE, RTM_NEWROUTE, [&](const nlmsghdr& header, const rtmsg& message) {
        int ifindex = 0;
        for_each_attribute(header, message, [&](const rtattr& attribute) {
            if (attribute.rta_type == RTA_OIF)
                std::memcpy(&ifindex, RTA_DATA(&attribute), sizeof ifindex);
        });
        for_each_attribute(header, message, [&](const rtattr& attribute) {
            if (attribute.rta_type == RTA_MULTIPATH)
                add_next_hops(list, message.rtm_family, attribute);
            else
                add_gateway(list, message.rtm_family, attribute, ifindex);
        });
    });
    return list;
}

} // namespace dynmon
