// SPDX-License-Identifier: BSD-2-Clause
#include "state/bpffs.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.hpp"
#include "kernel/own_pin.hpp"

namespace dynmon {

namespace {

struct DirClose {
    void operator()(DIR* directory) const { closedir(directory); }
};

// What could not be looked at is not absent: a monitor whose pins "are not there" would be taken
// down as the rest of a killed load.
bool look_at(const std::string& path, struct stat& status) {
    if (lstat(path.c_str(), &status) == 0)
        return true;
    if (errno == ENOENT || errno == ENOTDIR)
        return false;
    const int fault = errno;
    Error error(ErrorKind::failed, "look at " + path, fault);
    if (fault == EACCES)
        error.hint("a folder above it is closed: run as root, with CAP_DAC_READ_SEARCH, or with "
                   "--bpffs DIR of your own");
    throw error;
}

} // namespace

void make_directory(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0)
        throw Error(ErrorKind::failed, "make directory " + path, errno);
}

bool ensure_directory(const std::string& path) {
    if (mkdir(path.c_str(), 0700) == 0)
        return true;
    const int fault = errno;
    if (fault == EACCES)
        throw Error(ErrorKind::failed, "make directory " + path, EACCES)
            .hint("the folder above it belongs to another user: run as root, or with --bpffs DIR, "
                  "a directory in bpffs that is yours");
    if (fault != EEXIST)
        throw Error(ErrorKind::failed, "make directory " + path, fault);
    require_directory(path);
    return false;
}

bool exists(const std::string& path) {
    struct stat status {};
    return look_at(path, status);
}

bool is_directory(const std::string& path) {
    struct stat status {};
    return look_at(path, status) && S_ISDIR(status.st_mode);
}

std::vector<std::string> list_directory(const std::string& path) {
    std::vector<std::string> names;
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            return names;
        if (errno == ENOTDIR || errno == ELOOP)
            require_directory(path);
        throw Error(ErrorKind::failed, "open directory " + path, errno);
    }
    const std::unique_ptr<DIR, DirClose> directory(fdopendir(fd));
    if (!directory) {
        const int fault = errno;
        ::close(fd);
        throw Error(ErrorKind::failed, "list directory " + path, fault);
    }
    for (;;) {
        errno = 0;
        const dirent* entry = readdir(directory.get());
        if (entry == nullptr && errno != 0) // half a list is none
            throw Error(ErrorKind::failed, "list directory " + path, errno);
        if (entry == nullptr)
            break;
        if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
            names.emplace_back(entry->d_name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

void publish(const std::string& from, const std::string& to) {
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) {
        const ErrorKind kind = errno == EEXIST ? ErrorKind::busy : ErrorKind::failed;
        throw Error(kind, "publish " + to, errno);
    }
}

void remove_pin(const std::string& path) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT)
        throw Error(ErrorKind::failed, "remove pin " + path, errno);
}

void require_directory(const std::string& path) {
    struct stat status {};
    if (look_at(path, status) && !S_ISDIR(status.st_mode))
        throw Damaged(path + " is " + (S_ISLNK(status.st_mode) ? "a symbolic link" : "a pin") +
                      ", not a directory");
}

void remove_tree(const std::string& path) {
    if (exists(path) && !is_directory(path)) {
        remove_pin(path);
        return;
    }
    for (const std::string& name : list_directory(path)) {
        const std::string entry = path + "/" + name;
        if (is_directory(entry))
            remove_tree(entry);
        else
            remove_pin(entry);
    }
    if (rmdir(path.c_str()) != 0 && errno != ENOENT)
        throw Error(ErrorKind::failed, "remove directory " + path, errno);
}

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
