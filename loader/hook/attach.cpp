// SPDX-License-Identifier: BSD-2-Clause
#include "hook/attach.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "hook/device_rules.hpp"
#include "kernel/bpf.hpp"
#include "kernel/device.hpp"
#include "kernel/machine.hpp"
#include "kernel/tc.hpp"
#include "kernel/xdp.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

bpf_attach_type tcx_type(HookPoint point) {
    return point == HookPoint::tc_ingress ? tcx_ingress : tcx_egress;
}

} // namespace

TcDirection tc_direction(HookPoint point) {
    return point == HookPoint::tc_ingress ? TcDirection::ingress : TcDirection::egress;
}

bool runs_at(const HookId& id, std::uint32_t pivot) {
    if (interface_name(id.ifindex).empty())
        return false;
    if (id.point == HookPoint::xdp)
        return query_xdp(id.ifindex).program_id == pivot;
    if (const auto programs = tcx_programs(id);
        programs && std::find(programs->begin(), programs->end(), pivot) != programs->end())
        return true;
    return clsact_program(id) == pivot;
}

Fd attach_tcx(const Fd& pivot, const HookId& id, HookOrder order) {
    try {
        return create_link(pivot, id.ifindex, tcx_type(id.point),
                           order == HookOrder::head ? tcx_before : tcx_after);
    } catch (const Error& error) {
        if (error.error_number() != ERANGE)
            throw;
        throw Error(ErrorKind::busy,
                    std::string("attach to TCX: ") + to_string(id.point) + " of '" +
                        interface_name(id.ifindex) + "' has " + std::to_string(most_tcx_programs) +
                        " programs, as many as the kernel allows",
                    ERANGE)
            .hint("take one of them off (`bpftool net` lists them), or load with --tc clsact, "
                  "which runs behind them all");
    }
}

void attach_clsact(const Fd& pivot, const HookId& id, HookOrder order,
                   std::optional<std::uint32_t> priority) {
    create_clsact(id.ifindex);
    const TcDirection direction = tc_direction(id.point);
    const std::vector<TcFilter> filters = list_filters(id.ifindex, direction);
    attach_filter(id.ifindex, direction, pivot,
                  priority                   ? *priority
                  : order == HookOrder::head ? first_priority(filters)
                                             : last_priority(filters));
}

void detach_clsact(const HookId& id, std::uint32_t pivot, bool made_qdisc) {
    if (interface_name(id.ifindex).empty())
        return; // the filter went with the device
    if (clsact_program(id) == pivot)
        detach_filter(id.ifindex, tc_direction(id.point));
    if (made_qdisc && has_clsact(id.ifindex) && !has_filters(id.ifindex, TcDirection::ingress) &&
        !has_filters(id.ifindex, TcDirection::egress))
        delete_clsact(id.ifindex);
}

std::optional<std::uint32_t> clsact_program(const HookId& id) {
    return query_filter(id.ifindex, tc_direction(id.point));
}

std::optional<std::vector<std::uint32_t>> tcx_programs(const HookId& id) {
    return query_tcx(id.ifindex, tcx_type(id.point));
}

std::vector<TcFilter> clsact_filters(const HookId& id) {
    return list_filters(id.ifindex, tc_direction(id.point));
}

void wait_detached(const HookId& id, std::uint32_t pivot) {
    using namespace std::chrono_literals;
    const auto deadline = std::chrono::steady_clock::now() + 3s;
    while (runs_at(id, pivot)) {
        if (std::chrono::steady_clock::now() > deadline)
            throw Error(ErrorKind::failed, "the pivot is still attached after its link was removed")
                .hint("another process holds the link; `bpftool link` shows it");
        std::this_thread::sleep_for(1ms);
    }
}

namespace {

bool is_pinned_at(const std::string& path, std::uint32_t program_id) {
    try {
        const Fd program = try_open_pin(path);
        return program && program_facts(program).id == program_id;
    } catch (const Error&) { // of another kind, or not for this user
        return false;
    }
}

// None where it is no folder, or not one for this user.
std::vector<std::string> names_in(const std::string& folder) {
    try {
        return list_directory(folder);
    } catch (const Error&) {
        return {};
    }
}

// The store in which the program is the pivot of a hook: in a bpffs that is mounted here, as its
// root or one folder below. "": none.
std::string store_of_pivot(std::uint32_t program_id) {
    std::vector<std::string> folders;
    for (const std::string& folder : mounts_of("bpf")) {
        folders.push_back(folder);
        for (const std::string& name : names_in(folder))
            folders.push_back(folder + "/" + name);
    }
    for (const std::string& folder : folders)
        for (const std::string& hook : names_in(folder + "/hooks"))
            if (is_pinned_at(folder + "/hooks/" + hook + "/pivot", program_id))
                return folder;
    return "";
}

[[noreturn]] void throw_taken(const XdpState& holder) {
    std::string text = "XDP is taken";
    if (holder.program_id != 0)
        text += ": program " + describe_program(holder.program_id) + " runs there in " +
                to_string(holder.mode) + " mode";
    if (const std::string store = store_of_pivot(holder.program_id); !store.empty())
        throw Error(ErrorKind::busy, text + ", of the dynmon store " + store)
            .hint("load with --bpffs " + store +
                  ", where several monitors share the hook, or with "
                  "--hook tc");
    throw Error(ErrorKind::busy, text)
        .hint("dynmon never replaces another owner's program: remove it first, or use "
              "--hook tc, which several can share");
}

bool means_no_such_mode(int error_number) {
    return error_number == EOPNOTSUPP || error_number == EINVAL || error_number == ENOTSUP ||
           error_number == ERANGE;
}

// Throws when another device is why the kernel refuses this one, on which nothing runs.
void require_no_conflict(int ifindex) {
    const std::vector<Link> links = list_links();
    const std::string conflict = xdp_conflict(link_of(links, ifindex), links);
    if (!conflict.empty())
        throw Error(ErrorKind::busy, "attach XDP: " + conflict)
            .hint("load there, or here with --hook tc");
}

[[noreturn]] void throw_no_such_mode(int ifindex, int error_number) {
    const std::vector<Link> links = list_links();
    NoSuchMode error(ErrorKind::unsupported, "the device refuses native XDP", error_number);
    error.hint("--hook tc works on every device; so does --mode generic, but it can only estimate "
               "packets that the kernel has joined");
    if (error_number == ERANGE)
        error.or_hint("lower its MTU, and that of the other end of a veth pair, until a frame fits "
                      "into a page");
    if (link_of(links, ifindex).kind == "bond")
        error.or_hint("a bond has native XDP in some of its modes only, and when all of its ports "
                      "have");
    throw error;
}

} // namespace

Fd attach_xdp(const Fd& pivot, int ifindex, XdpMode mode) {
    if (const XdpState holder = query_xdp(ifindex); holder.program_id != 0)
        throw_taken(holder);
    try {
        return create_link(pivot, ifindex, BPF_XDP, xdp_flags(mode));
    } catch (const Error& error) {
        const int fault = error.error_number();
        const bool taken = fault == EBUSY || fault == EEXIST;
        if (const XdpState holder = taken ? query_xdp(ifindex) : XdpState{}; holder.program_id != 0)
            throw_taken(holder);
        if (interface_name(ifindex).empty()) // of which the kernel says EINVAL
            throw Error(ErrorKind::failed, "attach XDP: the interface is gone", ENODEV);
        if (!taken && !means_no_such_mode(fault))
            throw;
        require_no_conflict(ifindex);
        if (taken)
            throw_taken({});
        if (mode != XdpMode::native)
            throw;
        throw_no_such_mode(ifindex, fault);
    }
}

} // namespace dynmon
