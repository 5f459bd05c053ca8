// Who holds a lock of flock(2), for messages.
#pragma once

#include <string>

namespace dynmon {

std::string lock_holder(int fd); // "pid 123", or "another process"

} // namespace dynmon
