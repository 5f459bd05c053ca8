// SPDX-License-Identifier: BSD-2-Clause
// Files of a folder that is open: whole reads and writes, errors with the path.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace dynmon {

// Throws Error{failed} "WHAT PATH: ENOSPC", with what to do about it, for errno as it is now.
[[noreturn]] void fail_on_file(const char* what, const std::string& path);

// A file of ours (base/own_file.hpp). `flags` as for openat(2), without O_TRUNC; of a new one
// `mode`. Throws Error{failed} when it cannot be opened.
Fd open_file(int folder, const std::string& name, int flags, const std::string& path,
             unsigned mode = 0666);
// The same; empty where there is no such file.
Fd try_open_file(int folder, const std::string& name, int flags, const std::string& path);
// A folder that is ours alone.
Fd open_folder(int folder, const std::string& name, const std::string& path);
// Throws Error{rejected} for more than `limit` bytes.
std::string read_whole(const Fd& file, const std::string& path, std::size_t limit);
// What is left of one file behind what the other one has.
void copy_rest(const Fd& from, const Fd& to, const std::string& path);
void write_whole(int fd, std::string_view text, const std::string& path);
void sync_file(int fd, const std::string& path); // a folder too
// Within one folder or between two of one file system; never overwrites where the file system can
// tell. Throws Error{failed} (EEXIST).
void rename_new(int from, const std::string& name, int to, const std::string& new_name,
                const std::string& path);
std::vector<std::string> names_in(int folder, const std::string& path);

} // namespace dynmon
