// SPDX-License-Identifier: BSD-2-Clause
// Who may own a piece of local storage: the processes, cgroups and sockets of this machine, each
// with the descriptor that a look-up takes as its key.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/fd.hpp"

namespace dynmon {

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

} // namespace dynmon
