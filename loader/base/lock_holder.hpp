// SPDX-License-Identifier: BSD-2-Clause
// Who holds a lock of flock(2), for messages.
#pragma once

#include <string>

namespace dynmon {

// "pid 123 (dynmon-load read web)", printable; "pid 123" where nothing tells the command line, or
// "another process".
std::string lock_holder(int fd);

} // namespace dynmon
