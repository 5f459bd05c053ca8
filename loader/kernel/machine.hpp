// SPDX-License-Identifier: BSD-2-Clause
// What this machine is and allows, as far as it bears on BPF: the kernel, its processes, its
// mounts. Nothing is changed; what it may not see without rights is empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"

namespace dynmon {

struct KernelFacts {
    std::string release;
    std::string machine; // "x86_64"
    std::size_t possible_cpus = 0;
    std::size_t online_cpus = 0;
};

struct ProcessFacts {
    std::uint32_t user = 0;
    std::uint64_t effective = 0;        // CapEff
    std::optional<std::string> seccomp; // "disabled", "strict", "filter"

    bool has(int capability) const { return (effective >> capability & 1) != 0; }
};

struct Restrictions {
    std::optional<int> unprivileged_bpf_disabled; // sysctl: 0 every user may load, 1 for good, 2 no
    std::optional<std::string> lockdown;          // "none", "integrity", "confidentiality"
    std::optional<int> jit;                       // sysctl bpf_jit_enable: 0 off, 1 on, 2 debugging
    int landlock = 0; // version; 0: none, and readers that root runs keep the rights of its files
    std::optional<std::uint64_t> memlock; // soft limit in bytes; UINT64_MAX: none
};

KernelFacts kernel_facts();
std::string host_name(); // as `uname -n` prints it; "": the kernel does not say
ProcessFacts process_facts();
Restrictions restrictions();

struct BpffsFacts {
    std::string path;
    bool mounted = false;    // it is on a bpffs
    std::uint32_t mode = 0;  // permissions, 01777 by default
    std::uint32_t owner = 0; // user id
};
BpffsFacts bpffs_facts(const std::string& path);

// What may own a piece of local storage: the processes, cgroups and sockets of this machine, each
// with the descriptor that a look-up takes as its key.

struct Task {
    std::uint32_t pid = 0;
    std::uint32_t tid = 0; // differs from `pid` for a thread
    std::string comm;
};

struct Cgroup {
    std::uint64_t id = 0;
    std::string path; // below the mount of cgroup2; "/" for the root
};

struct OwnedSocket {
    std::uint64_t cookie = 0;
    Task owner; // the first one found
};

// Each gives `visit` one owner after the other until it returns false; the descriptor is valid
// during the call only. Owners that come and go meanwhile may be missed; so may those that this
// process has no right to look at.

// All threads since Linux 6.9; before that, threads other than a process's first have no pidfd.
void for_each_task(const std::function<bool(const Fd& pidfd, const Task& task)>& visit);
// Throws Error{unsupported} where no cgroup2 is mounted.
void for_each_cgroup(const std::function<bool(const Fd& directory, const Cgroup& cgroup)>& visit);
// Sockets that some process holds a descriptor of, each once (Linux 5.6). Those without any, such
// as of connections not yet accepted, are not seen.
void for_each_socket(const std::function<bool(const Fd& socket, const OwnedSocket& found)>& visit);

// What is mounted where, as this process sees it.

// Where file systems of this type are, in the order of /proc/self/mounts, in which a space in a
// path stands as \040.
std::vector<std::string> mounts_of(std::string_view type);

} // namespace dynmon
