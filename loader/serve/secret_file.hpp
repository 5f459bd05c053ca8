// SPDX-License-Identifier: BSD-2-Clause
// Files that decide who may do what: read again as soon as they are others.
#pragma once

#include <cstdint>
#include <string>

#include <sys/stat.h>

namespace dynmon::serve {

// What tells a file from what it was; cheap to ask for.
class FileStamp {
public:
    // Throws Error{failed} when it is not there.
    explicit FileStamp(const std::string& path);
    bool operator==(const FileStamp&) const = default;

private:
    std::uint64_t device_, inode_, size_;
    std::int64_t changed_ns_;
};

enum class Secrecy {
    open,   // a certificate
    secret, // only its owner may read it: else Error{rejected}
};

// The text of a regular file that root or the caller owns and no other user can write to. Throws
// Error{rejected}, Error{failed}.
std::string read_checked(const std::string& path, Secrecy secrecy);

// Takes the same time wherever the texts differ.
bool equal_in_constant_time(const std::string& a, const std::string& b);

} // namespace dynmon::serve
