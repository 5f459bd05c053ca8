// SPDX-License-Identifier: BSD-2-Clause
// A question to rtnetlink, and the attributes of its answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <linux/rtnetlink.h>

#include "base/file.hpp"

namespace dynmon {

// The attributes of a message or of a nested attribute. They live in the message.
class Attributes {
public:
    Attributes(const void* first, std::size_t length);

    const rtattr* find(int type) const; // null: it is not there
    std::string text(int type) const;   // "" when it is not there
    Attributes nested(int type) const;  // empty when it is not there

    template <typename Number>
    std::optional<Number> number(int type) const {
        const rtattr* attribute = find(type);
        if (attribute == nullptr || RTA_PAYLOAD(attribute) < sizeof(Number))
            return std::nullopt;
        Number value{};
        std::memcpy(&value, RTA_DATA(attribute), sizeof value);
        return value;
    }

private:
    const void* first_;
    std::size_t length_;
};

// The attributes behind the fixed part of a message, a `Header` such as ifinfomsg.
template <typename Header>
Attributes attributes_of(const nlmsghdr* message) {
    if (message->nlmsg_len < NLMSG_LENGTH(sizeof(Header)))
        return {nullptr, 0};
    const auto* body = static_cast<const char*>(NLMSG_DATA(message));
    return {body + NLMSG_ALIGN(sizeof(Header)), message->nlmsg_len - NLMSG_LENGTH(sizeof(Header))};
}

// Sends a message of type `type` and shows every answer to `take`, in the calling thread's network
// namespace. `body`: the fixed part and what follows it. Returns the errno of the kernel's refusal,
// 0 when there is none. Throws when the kernel cannot be asked; `what` names the question.
int ask_netlink(int type, int flags, const void* body, std::size_t length, const std::string& what,
                const std::function<void(const nlmsghdr*)>& take);

// Likewise through a socket that was opened before, in the namespace where open_netlink() made it.
int ask_netlink(const Fd& socket_fd, int type, int flags, const void* body, std::size_t length,
                const std::string& what, const std::function<void(const nlmsghdr*)>& take);

// In the calling thread's network namespace, which the kernel keeps for as long as the socket
// lives.
Fd open_netlink();

} // namespace dynmon
