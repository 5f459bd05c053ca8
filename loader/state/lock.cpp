// SPDX-License-Identifier: BSD-2-Clause
#include "state/lock.hpp"

#include <algorithm>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "state/bpffs.hpp"

namespace dynmon {

namespace {

using namespace std::chrono_literals;

Fd open_directory(const std::string& directory) {
    Fd fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd)
        return fd;
    const int fault = errno;
    require_directory(directory);
    throw Error(ErrorKind::failed, "open " + directory, fault);
}

// A directory may be removed and made again between open and flock: then the lock is on a ghost.
bool still_named(const Fd& fd, const std::string& directory) {
    struct stat held {};
    struct stat named {};
    return fstat(fd.get(), &held) == 0 && stat(directory.c_str(), &named) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

} // namespace

void LockPatience::spend(std::chrono::nanoseconds waited) const {
    *left_ = std::max(*left_ - waited, std::chrono::nanoseconds(0));
}

DirectoryLock::DirectoryLock(const std::string& directory, Mode mode,
                             const LockPatience& patience) {
    const int operation = (mode == Mode::exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
    const auto begun = std::chrono::steady_clock::now();
    const auto waited = [&] { return std::chrono::steady_clock::now() - begun; };
    for (;;) {
        Fd fd = open_directory(directory);
        if (flock(fd.get(), operation) == 0) {
            if (still_named(fd, directory)) {
                patience.spend(waited());
                fd_ = std::move(fd);
                return;
            }
            continue; // the next open says ENOENT, or finds the new directory
        }
        if (errno == EINTR)
            continue;
        if (errno != EWOULDBLOCK)
            throw Error(ErrorKind::failed, "lock " + directory, errno);
        if (waited() >= patience.left()) {
            patience.spend(waited());
            LockHeld error(ErrorKind::busy, directory + " is locked by " + lock_holder(fd.get()));
            error.hint(
                "wait for it to end, which a `read` does when its output is read, end it, or "
                "give it more time with --lock-timeout");
            throw error;
        }
        // Short, and always the same: a process that waits longer and longer never gets a lock that
        // others take again and again, each time after a few milliseconds.
        std::this_thread::sleep_for(1ms);
    }
}

bool DirectoryLock::is_of(const std::string& directory) const {
    return still_named(fd_, directory);
}

} // namespace dynmon
