// SPDX-License-Identifier: BSD-2-Clause
// Directories and names in bpffs: made, listed, renamed and removed, never through a symlink.
#pragma once

#include <string>
#include <vector>

namespace dynmon {

void make_directory(const std::string& path);   // 0700; throws when it exists
bool ensure_directory(const std::string& path); // true: it was made now
bool exists(const std::string& path);
bool is_directory(const std::string& path);                       // itself, not through a symlink
std::vector<std::string> list_directory(const std::string& path); // sorted; empty when absent

// Fails with Error{busy} when `to` exists: what is published is never overwritten.
void publish(const std::string& from, const std::string& to);

void remove_pin(const std::string& path);        // absent is fine
void require_directory(const std::string& path); // throws Damaged: a pin or a symlink is there
// Removes a directory and what is in it, or the pin or symlink that stands there instead; what a
// symlink leads to is not touched. Absent is fine.
void remove_tree(const std::string& path);

} // namespace dynmon
