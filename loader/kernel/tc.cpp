#include "kernel/tc.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>

#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/error.hpp"
#include "base/libbpf_log.hpp"
#include "kernel/bpf.hpp"
#include "kernel/netns.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t our_handle = 0x64796e; // "dyn"
constexpr std::uint32_t our_priority = 0x64;

bpf_tc_attach_point attach_point(TcDirection direction) {
    return direction == TcDirection::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

bpf_tc_hook make_hook(int ifindex, int point) {
    bpf_tc_hook hook{};
    hook.sz = sizeof hook;
    hook.ifindex = ifindex;
    hook.attach_point = static_cast<bpf_tc_attach_point>(point);
    return hook;
}

bpf_tc_opts our_options() {
    bpf_tc_opts options{};
    options.sz = sizeof options;
    options.handle = our_handle;
    options.priority = our_priority;
    return options;
}

[[noreturn]] void fail(const char* step, int error_number) {
    Error error(ErrorKind::failed, step, error_number);
    if (error_number == EPERM)
        error.hint(rights_hint({Right::net_admin}));
    throw error;
}

// Dumps `type` (RTM_GETQDISC, RTM_GETTFILTER) for one device; true when `match` accepts an answer.
bool dump_matches(int type, int ifindex, std::uint32_t parent,
                  const std::function<bool(const nlmsghdr*, const tcmsg*)>& match) {
    const Fd socket_fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    struct {
        nlmsghdr header;
        tcmsg message;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = static_cast<__u16>(type);
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.message.tcm_ifindex = ifindex;
    request.message.tcm_parent = parent;
    if (!socket_fd || send(socket_fd.get(), &request, sizeof request, 0) < 0)
        throw Error(ErrorKind::failed, "ask for queueing disciplines", errno);

    bool found = false;
    alignas(nlmsghdr) std::array<char, 32768> buffer;
    for (;;) {
        const ssize_t received = recv(socket_fd.get(), buffer.data(), buffer.size(), 0);
        if (received < 0 && errno == EINTR)
            continue;
        if (received < 0)
            throw Error(ErrorKind::failed, "read queueing disciplines", errno);
        auto length = static_cast<std::uint32_t>(received);
        for (auto* header = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(header, length);
             header = NLMSG_NEXT(header, length)) {
            // An error means that there is no such parent, hence nothing to find.
            if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
                return found;
            const auto* message = static_cast<const tcmsg*>(NLMSG_DATA(header));
            if (message->tcm_ifindex == ifindex && match(header, message))
                found = true;
        }
    }
}

bool is_clsact(const nlmsghdr* header, const tcmsg* message) {
    auto length = static_cast<std::uint32_t>(header->nlmsg_len - NLMSG_LENGTH(sizeof *message));
    const auto* attribute = reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(message) +
                                                            NLMSG_ALIGN(sizeof *message));
    for (; RTA_OK(attribute, length); attribute = RTA_NEXT(attribute, length))
        if (attribute->rta_type == TCA_KIND)
            return std::strcmp(static_cast<const char*>(RTA_DATA(attribute)), "clsact") == 0;
    return false;
}

} // namespace

bool has_clsact(int ifindex) {
    return dump_matches(RTM_GETQDISC, ifindex, 0, is_clsact);
}

void create_clsact(int ifindex) {
    const LibbpfLog log;
    bpf_tc_hook hook = make_hook(ifindex, BPF_TC_INGRESS);
    const int result = bpf_tc_hook_create(&hook);
    if (result == -EEXIST && !has_clsact(ifindex))
        throw Error(ErrorKind::busy, "the interface has another ingress qdisc")
            .hint("`tc qdisc show dev …` names it; clsact and ingress exclude each other");
    if (result < 0 && result != -EEXIST)
        fail("add clsact qdisc", -result);
}

void delete_clsact(int ifindex) {
    const LibbpfLog log;
    bpf_tc_hook hook = make_hook(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
    const int result = bpf_tc_hook_destroy(&hook);
    if (result < 0 && result != -ENOENT && result != -EINVAL)
        fail("delete clsact qdisc", -result);
}

bool has_filters(int ifindex, TcDirection direction) {
    const std::uint32_t minor =
        direction == TcDirection::ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS;
    return dump_matches(RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_CLSACT, minor),
                        [](const nlmsghdr*, const tcmsg*) { return true; });
}

namespace {

[[noreturn]] void throw_taken(int ifindex, TcDirection direction) {
    const bool ingress = direction == TcDirection::ingress;
    char command[128];
    std::snprintf(command, sizeof command, "`tc filter del dev %s %s pref %u handle 0x%x bpf`",
                  interface_name(ifindex).c_str(), ingress ? "ingress" : "egress", our_priority,
                  our_handle);
    const auto program = query_filter(ifindex, direction);
    throw Error(ErrorKind::busy,
                "a TC filter of dynmon is there already, from another store: program " +
                    (program ? describe_program(*program) : "unknown"))
        .hint("--bpffs DIR names the store that it belongs to; if that BPF file system was "
              "unmounted, the filter passes every packet on, and " +
              std::string(command) + " removes it");
}

} // namespace

void attach_filter(int ifindex, TcDirection direction, const Fd& program) {
    const LibbpfLog log;
    const bpf_tc_hook hook = make_hook(ifindex, attach_point(direction));
    bpf_tc_opts options = our_options();
    options.prog_fd = program.get();
    const int result = bpf_tc_attach(&hook, &options);
    if (result == -EEXIST)
        throw_taken(ifindex, direction);
    if (result < 0)
        fail("attach TC filter", -result);
}

std::optional<std::uint32_t> query_filter(int ifindex, TcDirection direction) {
    const LibbpfLog log;
    const bpf_tc_hook hook = make_hook(ifindex, attach_point(direction));
    bpf_tc_opts options = our_options();
    const int result = bpf_tc_query(&hook, &options);
    if (result == -ENOENT || result == -EINVAL || result == -ENODEV)
        return std::nullopt; // no filter, no qdisc, no device
    if (result < 0)
        throw Error(ErrorKind::failed, "query TC filter", -result);
    return options.prog_id;
}

void detach_filter(int ifindex, TcDirection direction) {
    const LibbpfLog log;
    const bpf_tc_hook hook = make_hook(ifindex, attach_point(direction));
    bpf_tc_opts options = our_options();
    const int result = bpf_tc_detach(&hook, &options);
    if (result < 0 && result != -ENOENT && result != -EINVAL && result != -ENODEV)
        fail("detach TC filter", -result);
}

} // namespace dynmon
