// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/xdp.hpp"

#include <cerrno>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "hook/attach.hpp"
#include "hook/device_rules.hpp"
#include "hook/device_view.hpp"
#include "kernel/bpf.hpp"
#include "kernel/links.hpp"
#include "kernel/mounts.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

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
        .hint("dynmon never replaces a program of somebody else: remove it first, or use "
              "--hook tc, which several can share");
}

bool means_no_such_mode(int error_number) {
    return error_number == EOPNOTSUPP || error_number == EINVAL || error_number == ENOTSUP ||
           error_number == ERANGE;
}

} // namespace

namespace {

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
