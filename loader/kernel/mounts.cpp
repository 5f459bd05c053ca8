// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/mounts.hpp"

#include <fstream>

namespace dynmon {

// "cgroup2 /sys/fs/cgroup cgroup2 rw … 0 0"
std::vector<std::string> mounts_of(std::string_view type) {
    std::vector<std::string> folders;
    std::ifstream mounts("/proc/self/mounts");
    for (std::string source, folder, kind, rest;
         mounts >> source >> folder >> kind && std::getline(mounts, rest);)
        if (kind == type)
            folders.push_back(folder);
    return folders;
}

} // namespace dynmon
