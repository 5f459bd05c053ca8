// SPDX-License-Identifier: BSD-2-Clause
// What is mounted where, as this process sees it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dynmon {

// Where file systems of this type are, in the order of /proc/self/mounts, in which a space in a
// path stands as \040.
std::vector<std::string> mounts_of(std::string_view type);

} // namespace dynmon
