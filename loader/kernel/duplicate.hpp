// A second descriptor of the same object.
#pragma once

#include "base/fd.hpp"

namespace dynmon {

// Closed on exec, like all of ours. Throws Error{failed} (EMFILE).
Fd duplicate(int fd);

} // namespace dynmon
