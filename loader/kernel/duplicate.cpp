#include "kernel/duplicate.hpp"

#include <cerrno>

#include <fcntl.h>

#include "base/error.hpp"

namespace dynmon {

Fd duplicate(int fd) {
    constexpr int above_standard_streams = 3;
    Fd copy(fcntl(fd, F_DUPFD_CLOEXEC, above_standard_streams));
    if (!copy)
        throw Error(ErrorKind::failed, "duplicate descriptor", errno);
    return copy;
}

} // namespace dynmon
