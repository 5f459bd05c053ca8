// SPDX-License-Identifier: BSD-2-Clause
// Exclusion between dynmon processes: flock on a directory of the store, with a bound on waiting.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"

namespace dynmon {

// How long a command waits for locks, for all of them together. Copies share what is left.
class LockPatience {
public:
    explicit LockPatience(std::chrono::nanoseconds whole)
        : whole_(whole), left_(std::make_shared<std::chrono::nanoseconds>(whole)) {}
    std::chrono::nanoseconds left() const { return *left_; }
    void spend(std::chrono::nanoseconds waited) const;
    void renew() const { *left_ = whole_; }

private:
    std::chrono::nanoseconds whole_;
    std::shared_ptr<std::chrono::nanoseconds> left_;
};

inline LockPatience no_patience() {
    return LockPatience(std::chrono::nanoseconds(0));
}

// The patience is at its end, and another process has the lock. The next try may succeed.
class LockHeld : public Error {
public:
    using Error::Error;
};

// Held for as long as the object lives; the kernel lets go of it when the process dies.
// Order: a monitor's lock before the store's, never the other way round.
class DirectoryLock {
public:
    enum class Mode { shared, exclusive };

    // Throws LockHeld{busy} naming the pid and command line of the holder when the patience is at
    // its end, Error with ENOENT when the directory does not exist (any more).
    DirectoryLock(const std::string& directory, Mode mode, const LockPatience& patience);
    DirectoryLock(DirectoryLock&&) = default;
    DirectoryLock& operator=(DirectoryLock&&) = default;

    // Whether `directory` is still what was locked, and no new one of that name.
    bool is_of(const std::string& directory) const;
    void release() { fd_.reset(); }

private:
    Fd fd_;
};

} // namespace dynmon
