// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/netns.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sched.h>

#include <linux/magic.h>
#include <net/if.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/error.hpp"
#include "base/identifier.hpp"
#include "kernel/own_pin.hpp"
#include "kernel/rights.hpp"

namespace dynmon {

NetNs::NetNs(Fd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {
    struct stat status {};
    struct statfs filesystem {};
    if (fstat(fd_.get(), &status) != 0 || fstatfs(fd_.get(), &filesystem) != 0)
        throw Error(ErrorKind::failed, "stat network namespace", errno);
    if (filesystem.f_type != NSFS_MAGIC)
        throw Error(ErrorKind::usage, "'" + name_ + "' is not a network namespace");
    inode_ = status.st_ino;
}

NetNs NetNs::current() {
    Fd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!fd)
        throw Error(ErrorKind::failed, "open own network namespace", errno);
    return NetNs(std::move(fd), "");
}

NetNs NetNs::open(const std::string& name) {
    const bool is_path = name.find('/') != std::string::npos;
    const std::string path = is_path ? name : "/run/netns/" + name;
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd)
        throw Error(ErrorKind::failed, "no network namespace '" + name + "': open " + path, errno)
            .hint("`ip netns list` shows the names; a path such as /proc/PID/ns/net works too");
    return NetNs(std::move(fd), name);
}

NetNsScope::NetNsScope(const NetNs& target) {
    NetNs home = NetNs::current();
    if (home.inode() == target.inode())
        return;
    home_ = duplicate(home.fd().get());
    if (setns(target.fd().get(), CLONE_NEWNET) != 0)
        throw Error(ErrorKind::failed, "enter network namespace '" + target.name() + "'", errno)
            .hint(rights_hint({Right::sys_admin}));
}

NetNsScope::~NetNsScope() {
    // Going on in a foreign namespace would act on its devices: stop instead.
    if (home_ && setns(home_.get(), CLONE_NEWNET) != 0) {
        std::perror("dynmon: cannot return to own network namespace");
        std::abort();
    }
}

int interface_index(const std::string& name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (index != 0)
        return static_cast<int>(index);
    if (errno != ENODEV && errno != ENXIO)
        throw Error(ErrorKind::failed, "number of interface '" + name + "'", errno);
    std::vector<std::string> names;
    for (auto& [known, entry] : interface_names())
        names.push_back(std::move(entry));
    Error error(ErrorKind::failed, "no interface '" + name + "' in this network namespace");
    const std::string nearest = nearest_name(name, names);
    error.hint(nearest.empty() ? "`ip link` shows the names; --netns NS looks in another namespace"
                               : "did you mean '" + nearest + "'?");
    throw error;
}

std::string interface_name(int ifindex) {
    char name[IF_NAMESIZE] = {};
    if (if_indextoname(static_cast<unsigned>(ifindex), name) == nullptr && errno != ENXIO &&
        errno != ENODEV)
        throw Error(ErrorKind::failed, "name of interface " + std::to_string(ifindex), errno);
    return name;
}

std::vector<std::pair<std::int64_t, std::string>> interface_names() {
    std::vector<std::pair<std::int64_t, std::string>> names;
    if (struct if_nameindex* all = if_nameindex()) {
        for (struct if_nameindex* entry = all; entry->if_name != nullptr; ++entry)
            names.emplace_back(entry->if_index, entry->if_name);
        if_freenameindex(all);
    }
    std::sort(names.begin(), names.end());
    return names;
}

} // namespace dynmon
