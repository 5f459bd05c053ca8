// SPDX-License-Identifier: BSD-2-Clause
#include "state/pin_cache.hpp"

#include <sys/stat.h>

namespace dynmon {

std::optional<PinIdentity> pin_identity(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0)
        return std::nullopt;
    return PinIdentity{.device = status.st_dev,
                       .inode = status.st_ino,
                       .made_s = status.st_ctim.tv_sec,
                       .made_ns = status.st_ctim.tv_nsec};
}

} // namespace dynmon
