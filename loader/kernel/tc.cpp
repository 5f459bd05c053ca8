// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/tc.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>

#include <arpa/inet.h>

#include <bpf/libbpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "kernel/bpf.hpp"
#include "kernel/netlink.hpp"
#include "kernel/netns.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

namespace {

constexpr std::uint32_t most_priority = 0xffff;

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

bpf_tc_opts our_options(std::uint32_t priority) {
    bpf_tc_opts options{};
    options.sz = sizeof options;
    options.handle = filter_handle;
    options.priority = priority;
    return options;
}

[[noreturn]] void fail(const char* step, int error_number) {
    Error error(ErrorKind::failed, step, error_number);
    if (error_number == EPERM)
        error.hint(rights_hint({Right::net_admin}));
    throw error;
}

// Shows every queueing discipline (RTM_GETQDISC) or filter (RTM_GETTFILTER) of a device to `take`.
// The kernel's refusal means that there is no such parent or device, hence nothing to show.
void dump_tc(int type, int ifindex, std::uint32_t parent,
             const std::function<void(const tcmsg&, const Attributes&)>& take) {
    tcmsg request{};
    request.tcm_ifindex = ifindex;
    request.tcm_parent = parent;
    ask_netlink(type, NLM_F_DUMP, &request, sizeof request, "queueing disciplines",
                [&](const nlmsghdr* answer) {
                    const auto* message = static_cast<const tcmsg*>(NLMSG_DATA(answer));
                    if (message->tcm_ifindex == ifindex)
                        take(*message, attributes_of<tcmsg>(answer));
                });
}

} // namespace

std::uint32_t tc_parent(TcDirection direction) {
    const std::uint32_t minor =
        direction == TcDirection::ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS;
    return TC_H_MAKE(TC_H_CLSACT, minor);
}

bool has_clsact(int ifindex) {
    bool found = false;
    dump_tc(RTM_GETQDISC, ifindex, 0, [&](const tcmsg&, const Attributes& attributes) {
        found = found || attributes.text(TCA_KIND) == "clsact";
    });
    return found;
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
    bool found = false;
    dump_tc(RTM_GETTFILTER, ifindex, tc_parent(direction),
            [&](const tcmsg&, const Attributes&) { found = true; });
    return found;
}

bool TcFilter::ours() const {
    return kind == "bpf" && handle == filter_handle;
}

std::vector<TcFilter> list_filters(int ifindex, TcDirection direction) {
    std::vector<TcFilter> filters;
    dump_tc(RTM_GETTFILTER, ifindex, tc_parent(direction),
            [&](const tcmsg& message, const Attributes& attributes) {
                // Packets start in chain 0. The head of a priority has no handle: its filters
                // follow.
                const bool head = message.tcm_handle == 0 && attributes.text(TCA_KIND) == "bpf";
                if (head || attributes.number<std::uint32_t>(TCA_CHAIN).value_or(0) != 0)
                    return;
                TcFilter filter{.priority = TC_H_MAJ(message.tcm_info) >> 16,
                                .kind = attributes.text(TCA_KIND),
                                .protocol = ntohs(TC_H_MIN(message.tcm_info)),
                                .handle = message.tcm_handle};
                if (filter.kind == "bpf") {
                    const Attributes options = attributes.nested(TCA_OPTIONS);
                    filter.program_id = options.number<std::uint32_t>(TCA_BPF_ID).value_or(0);
                    filter.program_name = options.text(TCA_BPF_NAME);
                }
                filters.push_back(std::move(filter));
            });
    return filters;
}

bool is_usable(const std::vector<TcFilter>& filters, std::uint32_t priority) {
    return std::none_of(filters.begin(), filters.end(), [&](const TcFilter& filter) {
        return filter.priority == priority &&
               (filter.kind != "bpf" || filter.protocol != ETH_P_ALL);
    });
}

std::uint32_t first_priority(const std::vector<TcFilter>& filters) {
    std::uint32_t priority = 1;
    while (!is_usable(filters, priority) && priority < most_priority)
        ++priority;
    return priority;
}

std::uint32_t last_priority(const std::vector<TcFilter>& filters) {
    std::uint32_t priority = most_priority;
    while (!is_usable(filters, priority) && priority > 1)
        --priority;
    return priority;
}

namespace {

std::optional<TcFilter> our_filter(int ifindex, TcDirection direction) {
    for (const TcFilter& filter : list_filters(ifindex, direction))
        if (filter.ours())
            return filter;
    return std::nullopt;
}

[[noreturn]] void throw_taken(int ifindex, TcDirection direction, const TcFilter& filter) {
    const bool ingress = direction == TcDirection::ingress;
    char command[128];
    std::snprintf(command, sizeof command, "`tc filter del dev %s %s pref %u handle 0x%x bpf`",
                  interface_name(ifindex).c_str(), ingress ? "ingress" : "egress", filter.priority,
                  filter_handle);
    throw Error(ErrorKind::busy,
                "a TC filter of dynmon is there already, from another store: program " +
                    describe_program(filter.program_id))
        .hint("--bpffs DIR names the store that it belongs to; if that BPF file system was "
              "unmounted, the filter passes every packet on, and " +
              std::string(command) + " removes it");
}

[[noreturn]] void throw_unusable(const std::vector<TcFilter>& filters, std::uint32_t priority) {
    const auto holder = std::find_if(filters.begin(), filters.end(), [&](const TcFilter& filter) {
        return filter.priority == priority;
    });
    throw Error(ErrorKind::busy, "attach TC filter: priority " + std::to_string(priority) +
                                     " belongs to a filter of kind '" + holder->kind +
                                     "', and the kernel allows no other kind beside it")
        .hint("choose another priority with --tc-priority");
}

} // namespace

void attach_filter(int ifindex, TcDirection direction, const Fd& program, std::uint32_t priority) {
    const std::vector<TcFilter> filters = list_filters(ifindex, direction);
    for (const TcFilter& filter : filters)
        if (filter.ours())
            throw_taken(ifindex, direction, filter);
    if (!is_usable(filters, priority))
        throw_unusable(filters, priority);
    const LibbpfLog log;
    const bpf_tc_hook hook = make_hook(ifindex, attach_point(direction));
    bpf_tc_opts options = our_options(priority);
    options.prog_fd = program.get();
    if (const int result = bpf_tc_attach(&hook, &options); result < 0)
        fail("attach TC filter", -result);
}

std::optional<std::uint32_t> query_filter(int ifindex, TcDirection direction) {
    const std::optional<TcFilter> filter = our_filter(ifindex, direction);
    return filter ? std::optional(filter->program_id) : std::nullopt;
}

void detach_filter(int ifindex, TcDirection direction) {
    const std::optional<TcFilter> filter = our_filter(ifindex, direction);
    if (!filter)
        return;
    const LibbpfLog log;
    const bpf_tc_hook hook = make_hook(ifindex, attach_point(direction));
    const bpf_tc_opts options = our_options(filter->priority);
    const int result = bpf_tc_detach(&hook, &options);
    if (result < 0 && result != -ENOENT && result != -EINVAL && result != -ENODEV)
        fail("detach TC filter", -result);
}

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
