// SPDX-License-Identifier: BSD-2-Clause
// Files outside the store, in folders that others may write to. What is opened by a name there is
// believed only after a look at the open descriptor.
#pragma once

#include <string>

#include <sys/stat.h>

#include "base/fd.hpp"

namespace dynmon {

const char* kind_of_file(mode_t mode); // "a FIFO", of what is not a regular file

// A regular file of the calling user that has no other name (hard link); throws Error{rejected}.
void require_own_file(const struct stat& status, const std::string& path);
// A directory of the calling user that nobody else can write to; throws Error{rejected}.
void require_own_folder(int fd, const std::string& path);

// Opens `name` in the folder (AT_FDCWD: a path of its own), neither through a symbolic link nor
// waiting for the other end of a FIFO. Empty, with errno, when that fails; then throws as
// require_own_file() does. `flags` as for openat(2). O_TRUNC is no good here: it would come before
// the look.
Fd open_own_file(int folder, const std::string& name, int flags, mode_t mode,
                 const std::string& path);

} // namespace dynmon
