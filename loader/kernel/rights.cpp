// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/rights.hpp"

#include <cerrno>
#include <cstdint>

#include <unistd.h>

#include <linux/bpf.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/error.hpp"

namespace dynmon {

namespace {

struct Capabilities {
    std::uint64_t effective = 0;
    std::uint64_t permitted = 0;
};

constexpr std::uint64_t bit(Right right) {
    return std::uint64_t{1} << static_cast<int>(right);
}

// Not through libcap: two system calls are all of it.
Capabilities current() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    if (syscall(SYS_capget, &header, data) != 0)
        throw Error(ErrorKind::failed, "look at own capabilities", errno);
    return {std::uint64_t{data[1].effective} << 32 | data[0].effective,
            std::uint64_t{data[1].permitted} << 32 | data[0].permitted};
}

void set(const Capabilities& wanted) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
    for (int half = 0; half < _LINUX_CAPABILITY_U32S_3; ++half) {
        data[half].effective = static_cast<__u32>(wanted.effective >> (32 * half));
        data[half].permitted = static_cast<__u32>(wanted.permitted >> (32 * half));
    }
    if (syscall(SYS_capset, &header, data) != 0)
        throw Error(ErrorKind::failed, "drop capabilities", errno);
}

// Asks about no object: the kernel says EBADF or the like, unless it does not listen at all.
bool may_use_bpf() {
    bpf_attr attributes{};
    attributes.info.bpf_fd = static_cast<__u32>(-1);
    return syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attributes, sizeof attributes) == 0 ||
           errno != EPERM;
}

std::string name_of(Right right) {
    for (const KnownRight& known : known_rights())
        if (known.right == right)
            return known.name;
    return "capability " + std::to_string(static_cast<int>(right));
}

} // namespace

const std::vector<KnownRight>& known_rights() {
    static const std::vector<KnownRight> known = {
        {Right::bpf, "CAP_BPF", "programs and maps"},
        {Right::net_admin, "CAP_NET_ADMIN", "programs of network hooks, and attaching them"},
        {Right::perfmon, "CAP_PERFMON", "pointer arithmetic in probes"},
        {Right::sys_admin, "CAP_SYS_ADMIN", "looking objects up by id, --netns, status --stats"},
        {Right::sys_ptrace, "CAP_SYS_PTRACE", "maps that are kept with other users' tasks"},
    };
    return known;
}

bool has_right(Right right) {
    std::uint64_t enough = bit(right);
    if (right == Right::bpf || right == Right::perfmon)
        enough |= bit(Right::sys_admin);
    return (current().effective & enough) != 0;
}

std::string rights_hint(const Rights& needed) {
    std::vector<std::string> lacking;
    for (const Right right : needed)
        if (!has_right(right))
            lacking.emplace_back(name_of(right));
    if (lacking.empty())
        return "no capability is missing: a user namespace, a seccomp filter, a security module or "
               "the kernel's lockdown refuses it, or before Linux 5.11 RLIMIT_MEMLOCK; "
               "`dynmon-load doctor` says more";
    std::string list = lacking.front();
    for (std::size_t i = 1; i < lacking.size(); ++i)
        list += (i + 1 == lacking.size() ? " and " : ", ") + lacking[i];
    return "needs " + list + ": run as root, or with AmbientCapabilities= of systemd";
}

std::string refusal_hint(int error_number, const Rights& needed) {
    if (error_number == EPERM)
        return rights_hint(needed);
    if (error_number == ENOMEM)
        return "the memory limit of this control group, or of the machine, is reached: raise "
               "memory.max or make the maps smaller";
    return "";
}

void drop_rights(const Rights& keep) {
    std::uint64_t kept = 0;
    for (const Right right : keep)
        kept |= bit(right);
    const Capabilities before = current();
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0)
        throw Error(ErrorKind::failed, "drop capabilities", errno);
    kept &= before.permitted;
    set({kept, before.permitted}); // dynmon can take it back if bpf(2) wants it
    if (!may_use_bpf())
        kept |= bit(Right::bpf) & before.permitted;
    set({kept, kept});
}

} // namespace dynmon
