#include "kernel/filter_watch.hpp"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/error.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t handle_of_dynmon = 0x64796e; // "dyn", as kernel/tc.cpp makes them

template <typename Message>
struct Request {
    nlmsghdr header{};
    Message message{};
};

template <typename Message>
Request<Message> request(int type, int flags) {
    Request<Message> made;
    made.header.nlmsg_len = sizeof made;
    made.header.nlmsg_type = static_cast<__u16>(type);
    made.header.nlmsg_flags = static_cast<__u16>(NLM_F_REQUEST | flags);
    return made;
}

// Sends `asked` and hands every message of the answer to `each`; 0, or the errno of the kernel.
template <typename Message, typename Each>
int ask(const Fd& socket, const Request<Message>& asked, bool many, Each&& each) {
    if (send(socket.get(), &asked, sizeof asked, 0) < 0)
        throw Error(ErrorKind::failed, "look for TC filters", errno);
    alignas(nlmsghdr) std::array<char, 32768> buffer;
    for (;;) {
        const ssize_t received = recv(socket.get(), buffer.data(), buffer.size(), 0);
        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0)
            throw Error(ErrorKind::failed, "look for TC filters", errno);
        auto length = static_cast<std::uint32_t>(received);
        for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, length);
             header = NLMSG_NEXT(header, length)) {
            if (header->nlmsg_type == NLMSG_DONE)
                return 0;
            if (header->nlmsg_type == NLMSG_ERROR)
                return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
            each(header);
        }
        if (!many)
            return 0;
    }
}

const rtattr* find_attribute(const rtattr* attribute, std::uint32_t length, int type) {
    for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length))
        if ((attribute->rta_type & NLA_TYPE_MASK) == type)
            return attribute;
    return nullptr;
}

std::optional<std::uint32_t> program_of(const nlmsghdr* header) {
    const auto* message = static_cast<const tcmsg*>(NLMSG_DATA(header));
    const auto length =
        static_cast<std::uint32_t>(header->nlmsg_len - NLMSG_LENGTH(sizeof *message));
    const auto* first = reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(message) +
                                                        NLMSG_ALIGN(sizeof *message));
    const rtattr* kind = find_attribute(first, length, TCA_KIND);
    const rtattr* options = find_attribute(first, length, TCA_OPTIONS);
    if (message->tcm_handle != handle_of_dynmon || kind == nullptr || options == nullptr ||
        std::strcmp(static_cast<const char*>(RTA_DATA(kind)), "bpf") != 0)
        return std::nullopt;
    const rtattr* id = find_attribute(static_cast<const rtattr*>(RTA_DATA(options)),
                                      static_cast<std::uint32_t>(RTA_PAYLOAD(options)), TCA_BPF_ID);
    if (id == nullptr)
        return std::nullopt;
    std::uint32_t number = 0;
    std::memcpy(&number, RTA_DATA(id), sizeof number);
    return number;
}

} // namespace

FilterWatch::FilterWatch() : socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
    if (!socket_)
        throw Error(ErrorKind::failed, "open a netlink socket", errno);
}

bool FilterWatch::has_device(int ifindex) const {
    Request<ifinfomsg> asked = request<ifinfomsg>(RTM_GETLINK, 0);
    asked.message.ifi_index = ifindex;
    const int fault = ask(socket_, asked, false, [](const nlmsghdr*) {});
    if (fault != 0 && fault != ENODEV)
        throw Error(ErrorKind::failed, "look for interface " + std::to_string(ifindex), fault);
    return fault == 0;
}

std::optional<std::uint32_t> FilterWatch::program(int ifindex, TcDirection direction) const {
    Request<tcmsg> asked = request<tcmsg>(RTM_GETTFILTER, NLM_F_DUMP);
    asked.message.tcm_ifindex = ifindex;
    asked.message.tcm_parent = TC_H_MAKE(
        TC_H_CLSACT, direction == TcDirection::ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    std::optional<std::uint32_t> found;
    // An error: there is no such device, or no clsact qdisc on it.
    ask(socket_, asked, true, [&](const nlmsghdr* header) {
        if (const auto program = program_of(header))
            found = program;
    });
    return found;
}

} // namespace dynmon
