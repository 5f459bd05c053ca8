// SPDX-License-Identifier: BSD-2-Clause
#include "kernel/duplicate.hpp"

#include <cerrno>

#include <fcntl.h>

#include <sys/resource.h>

#include "base/error.hpp"

namespace dynmon {

Fd duplicate(int fd) {
    constexpr int above_standard_streams = 3;
    Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, above_standard_streams));
    if (!copy)
        throw Error(ErrorKind::failed, "duplicate descriptor", errno);
    return copy;
}

void require_descriptors(unsigned count) {
    rlimit limit{};
    Fd lowest(::open("/", O_PATH | O_CLOEXEC));
    if (!lowest)
        throw Error(ErrorKind::failed, "open /", errno);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        static_cast<rlim_t>(lowest.get()) + count <= limit.rlim_cur)
        return;
    throw Error(ErrorKind::failed, "open " + std::to_string(count) + " more descriptors", EMFILE)
        .hint("raise the limit: ulimit -n");
}

} // namespace dynmon
