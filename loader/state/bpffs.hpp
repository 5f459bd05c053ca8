// SPDX-License-Identifier: BSD-2-Clause
// Directories and names in bpffs: made, listed, renamed and removed, never through a symlink.
#pragma once

#include <cstdint>
#include <optional>
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

// Tells one pin from another that is made at the same path later. The kernel makes an inode for
// each.
struct PinIdentity {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t made_s = 0;
    std::int64_t made_ns = 0;

    bool operator==(const PinIdentity&) const = default;
};
std::optional<PinIdentity> pin_identity(const std::string& path); // nothing: no pin, or no right

} // namespace dynmon
