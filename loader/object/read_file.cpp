// SPDX-License-Identifier: BSD-2-Clause
// read_file: one read of a regular file, whatever else stands under that name.
#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/own_file.hpp"
#include "object/object.hpp"

namespace dynmon {

namespace {

// O_NONBLOCK: opening a FIFO or a terminal must not wait for its other end.
Fd open_for_reading(int folder, const std::string& name, const std::string& path) {
    if (path.find('\0') != std::string::npos)
        throw Error(ErrorKind::usage, "a path cannot hold a NUL byte");
    Fd fd(
        ::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (fd)
        return fd;
    const int error = errno;
    struct stat link {};
    if (error == ELOOP && ::fstatat(folder, name.c_str(), &link, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(link.st_mode))
        throw Error(ErrorKind::usage, path + " is a symbolic link").hint("name the file itself");
    if (error == ENXIO)
        throw Error(ErrorKind::usage, path + " is a socket, not a file");
    throw Error(ErrorKind::usage, "open " + path, error);
}

} // namespace

std::vector<std::byte> read_file(const std::string& path, std::size_t limit) {
    return read_file_at(AT_FDCWD, path, path, limit, {});
}

std::vector<std::byte> read_file_at(int folder, const std::string& name, const std::string& path,
                                    std::size_t limit,
                                    const std::function<void(const struct stat&)>& inspect) {
    const Fd fd = open_for_reading(folder, name, path);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        throw Error(ErrorKind::failed, "stat " + path, errno);
    if (!S_ISREG(status.st_mode))
        throw Error(ErrorKind::usage,
                    path + " is " + kind_of_file(status.st_mode) + ", not a file");
    if (inspect)
        inspect(status);
    const auto too_large = [&](const std::string& size) {
        return Error(ErrorKind::usage, path + " has " + size + " bytes; at most " +
                                           std::to_string(limit) + " are read");
    };
    if (static_cast<std::uintmax_t>(status.st_size) > limit)
        throw too_large(std::to_string(status.st_size));

    // One byte more than there should be shows a file that grows while it is read.
    std::vector<std::byte> bytes(std::min(static_cast<std::size_t>(status.st_size), limit) + 1);
    std::size_t size = 0;
    while (true) {
        const ssize_t count = ::read(fd.get(), bytes.data() + size, bytes.size() - size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            throw Error(ErrorKind::failed, "read " + path, errno);
        if (count == 0)
            break;
        size += static_cast<std::size_t>(count);
        if (size > limit)
            throw too_large("more than " + std::to_string(limit));
        if (size == bytes.size())
            bytes.resize(std::min(2 * size, limit + 1));
    }
    bytes.resize(size);
    return bytes;
}

} // namespace dynmon
