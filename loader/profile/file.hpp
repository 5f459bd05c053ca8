// Files of a folder that is open: whole reads and writes, errors with the path.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"

namespace dynmon {

// Throws Error{failed} "WHAT PATH: ENOSPC", with what to do about it, for errno as it is now.
[[noreturn]] void fail_on_file(const char* what, const std::string& path);

// Not through a symbolic link. `flags` as for openat(2); throws Error{failed}.
Fd open_file(int folder, const std::string& name, int flags, const std::string& path);
// Nothing where there is no such file.
std::optional<std::string> read_small_file(int folder, const std::string& name,
                                           const std::string& path);
void write_whole(int fd, std::string_view text, const std::string& path);
void sync_file(int fd, const std::string& path); // a folder too
// Within one folder or between two of one file system; never overwrites where the file system can
// tell. Throws Error{failed} (EEXIST).
void rename_new(int from, const std::string& name, int to, const std::string& new_name,
                const std::string& path);
std::vector<std::string> names_in(int folder, const std::string& path);

} // namespace dynmon
