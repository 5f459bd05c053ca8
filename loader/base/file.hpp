// SPDX-License-Identifier: BSD-2-Clause
// Files: a descriptor that closes itself, files that belong to the caller, and which process holds
// a lock on one.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <sys/stat.h>

namespace dynmon {

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_(fd) {}
    Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Fd& operator=(Fd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Fd() { reset(); }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset() {
        if (fd_ >= 0)
            ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_ = -1;
};

// Returns 0 when all of it is written, or the errno that says why not.
int write_all(int fd, std::string_view bytes);

// Files outside the store, in folders that others may write to. What is opened by a name there is
// believed only after a look at the open descriptor.

const char* kind_of_file(mode_t mode); // "a FIFO": of a file that is not regular

// A regular file of the calling user that has no other name (hard link); throws Error{rejected}.
void require_own_file(const struct stat& status, const std::string& path);
// A directory of the calling user that no other user can write to; throws Error{rejected}.
void require_own_folder(int fd, const std::string& path);

// Opens `name` in the folder (AT_FDCWD: a path of its own), neither through a symbolic link nor
// waiting for the other end of a FIFO. Empty, with errno, when that fails; then throws as
// require_own_file() does. `flags` as for openat(2). O_TRUNC is no good here: it would come before
// the look.
Fd open_own_file(int folder, const std::string& name, int flags, mode_t mode,
                 const std::string& path);

// Which process holds a lock of flock(2), for messages.

// "pid 123 (dynmon-load read web)", printable; "pid 123" where nothing tells the command line, or
// "another process".
std::string lock_holder(int fd);

} // namespace dynmon
