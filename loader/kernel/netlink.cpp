// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/netlink.hpp"

#include <cerrno>

#include <sys/socket.h>

#include "base/error.hpp"

namespace dynmon {

Attributes::Attributes(const void* first, std::size_t length) : first_(first), length_(length) {}

const rtattr* Attributes::find(int type) const {
    auto left = length_;
    for (const auto* attribute = static_cast<const rtattr*>(first_); RTA_OK(attribute, left);
         attribute = RTA_NEXT(attribute, left))
        if ((attribute->rta_type & NLA_TYPE_MASK) == type)
            return attribute;
    return nullptr;
}

std::string Attributes::text(int type) const {
    const rtattr* attribute = find(type);
    if (attribute == nullptr)
        return "";
    const auto* begin = static_cast<const char*>(RTA_DATA(attribute));
    return std::string(begin, strnlen(begin, RTA_PAYLOAD(attribute)));
}

Attributes Attributes::nested(int type) const {
    const rtattr* attribute = find(type);
    if (attribute == nullptr)
        return {nullptr, 0};
    return {RTA_DATA(attribute), RTA_PAYLOAD(attribute)};
}

namespace {

// The kernel makes its answers as long as the buffer of the first recv() allows, 32 KiB at most.
constexpr std::size_t answer_size = 32768;

std::vector<char> message_of(int type, int flags, const void* body, std::size_t length) {
    std::vector<char> message(NLMSG_SPACE(length));
    nlmsghdr header{};
    header.nlmsg_len = static_cast<__u32>(NLMSG_LENGTH(length));
    header.nlmsg_type = static_cast<__u16>(type);
    header.nlmsg_flags = static_cast<__u16>(NLM_F_REQUEST | flags);
    std::memcpy(message.data(), &header, sizeof header);
    std::memcpy(message.data() + NLMSG_HDRLEN, body, length);
    return message;
}

} // namespace

Fd open_netlink() {
    Fd socket_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!socket_fd)
        throw Error(ErrorKind::failed, "open a netlink socket", errno);
    return socket_fd;
}

int ask_netlink(int type, int flags, const void* body, std::size_t length, const std::string& what,
                const std::function<void(const nlmsghdr*)>& take) {
    return ask_netlink(open_netlink(), type, flags, body, length, what, take);
}

int ask_netlink(const Fd& socket_fd, int type, int flags, const void* body, std::size_t length,
                const std::string& what, const std::function<void(const nlmsghdr*)>& take) {
    const std::vector<char> message = message_of(type, flags, body, length);
    if (send(socket_fd.get(), message.data(), message.size(), 0) < 0)
        throw Error(ErrorKind::failed, "ask for " + what, errno);
    const bool dump = (flags & NLM_F_DUMP) == NLM_F_DUMP;
    std::vector<std::uint64_t> buffer(answer_size / sizeof(std::uint64_t)); // aligned
    for (;;) {
        const ssize_t received = recv(socket_fd.get(), buffer.data(), answer_size, 0);
        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0)
            throw Error(ErrorKind::failed, "read " + what, errno);
        auto left = static_cast<std::uint32_t>(received);
        for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, left);
             header = NLMSG_NEXT(header, left)) {
            if (header->nlmsg_type == NLMSG_DONE)
                return 0;
            if (header->nlmsg_type == NLMSG_ERROR)
                return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
            take(header);
        }
        if (!dump)
            return 0;
    }
}

} // namespace dynmon
