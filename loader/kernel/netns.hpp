// SPDX-License-Identifier: BSD-2-Clause
// Network namespaces and the devices in them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"

namespace dynmon {

// A namespace held open. Its inode is what tells namespaces apart while one of them is alive.
class NetNs {
public:
    static NetNs current();
    // `name` is one of `ip netns` (/run/netns/NAME) or a path with '/'. Throws Error{usage}.
    static NetNs open(const std::string& name);

    std::uint64_t inode() const { return inode_; }
    const std::string& name() const { return name_; } // "" for the caller's own
    const Fd& fd() const { return fd_; }

private:
    NetNs(Fd fd, std::string name);
    Fd fd_;
    std::string name_;
    std::uint64_t inode_ = 0;
};

// The calling thread is in `target` for as long as this lives. Only the network namespace changes:
// the mount namespace, and with it bpffs, stays.
class NetNsScope {
public:
    explicit NetNsScope(const NetNs& target);
    ~NetNsScope();
    NetNsScope(const NetNsScope&) = delete;
    NetNsScope& operator=(const NetNsScope&) = delete;

private:
    Fd home_; // empty: the target is where the thread was already
};

// In the calling thread's namespace. Throws Error{usage} with the nearest existing name.
int interface_index(const std::string& name);
std::string interface_name(int ifindex); // "" when there is none; throws when it is not known
// All of them by index, in rising order; empty when they cannot be listed.
std::vector<std::pair<std::int64_t, std::string>> interface_names();

} // namespace dynmon
