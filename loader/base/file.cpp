// SPDX-License-Identifier: BSD-2-Clause
#include "base/file.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace dynmon {

int write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& fault) {
    throw Error(ErrorKind::rejected, path + " " + fault)
        .hint("look at it, and remove it, or name another place");
}

std::string user_text(uid_t user) {
    return user == 0 ? "root" : "user " + std::to_string(user);
}

void require_owner(const struct stat& status, const std::string& path) {
    if (status.st_uid != geteuid())
        refuse(path, "belongs to " + user_text(status.st_uid) + ", not to " + user_text(geteuid()));
}

struct stat status_of(int fd, const std::string& path) {
    struct stat status {};
    if (::fstat(fd, &status) != 0)
        throw Error(ErrorKind::failed, "look at " + path, errno);
    return status;
}

} // namespace

const char* kind_of_file(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    default:
        return "a device";
    }
}

void require_own_file(const struct stat& status, const std::string& path) {
    if (!S_ISREG(status.st_mode))
        refuse(path, std::string("is ") + kind_of_file(status.st_mode) + ", not a file");
    require_owner(status, path);
    if (status.st_nlink > 1)
        refuse(path, "has other names too (hard links), which lead to the same bytes");
}

void require_own_folder(int fd, const std::string& path) {
    const struct stat status = status_of(fd, path);
    require_owner(status, path);
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        refuse(path, "can be written to by others than its owner");
}

// O_NONBLOCK has no effect on a regular file.
Fd open_own_file(int folder, const std::string& name, int flags, mode_t mode,
                 const std::string& path) {
    Fd file(::openat(folder, name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                     mode));
    if (!file && errno == ENXIO) // a FIFO without a reader, or a socket
        refuse(path, "is a FIFO or a socket, not a file");
    if (!file && errno == ELOOP)
        refuse(path, "is a symbolic link, not a file");
    if (file)
        require_own_file(status_of(file.get(), path), path);
    return file;
}

namespace {

constexpr std::size_t longest_command = 120; // bytes

// " (dynmon-load read web)"; nothing where it has ended or may not be looked at.
std::string command_of(const std::string& pid) {
    std::ifstream file("/proc/" + pid + "/cmdline");
    std::string command, word;
    while (command.size() <= longest_command && std::getline(file, word, '\0'))
        command += (command.empty() ? "" : " ") + word;
    return command.empty() ? "" : " (" + printable_line(command, longest_command) + ")";
}

} // namespace

// Lines of /proc/locks: "1: FLOCK  ADVISORY  WRITE 1234 00:21:5678 0 EOF".
std::string lock_holder(int fd) {
    struct stat status {};
    fstat(fd, &status);
    const std::string inode = ":" + std::to_string(status.st_ino);
    std::ifstream locks("/proc/locks");
    for (std::string line; std::getline(locks, line);) {
        std::istringstream fields(line);
        std::string number, kind, advisory, access, pid, file;
        fields >> number >> kind >> advisory >> access >> pid >> file;
        if (kind == "FLOCK" && file.ends_with(inode))
            return "pid " + pid + command_of(pid);
    }
    return "another process";
}

} // namespace dynmon
