// Exclusion between dynmon processes: flock on a directory of the store, with a deadline.
#pragma once

#include <chrono>
#include <string>

#include "base/fd.hpp"

namespace dynmon {

// Held for as long as the object lives; the kernel lets go of it when the process dies.
// Order: a monitor's lock before the store's, never the other way round.
class DirectoryLock {
public:
    enum class Mode { shared, exclusive };

    // Throws Error{busy} naming the pid of the holder when the deadline passes, Error with ENOENT
    // when the directory does not exist (any more).
    DirectoryLock(const std::string& directory, Mode mode, std::chrono::milliseconds patience);
    DirectoryLock(DirectoryLock&&) = default;
    DirectoryLock& operator=(DirectoryLock&&) = default;

    // Whether `directory` is still what was locked, and no new one of that name.
    bool is_of(const std::string& directory) const;
    void release() { fd_.reset(); }

private:
    Fd fd_;
};

} // namespace dynmon
