// SPDX-License-Identifier: BSD-2-Clause
// A second descriptor of the same object.
#pragma once

#include "base/fd.hpp"

namespace dynmon {

// Closed on exec, like all of ours. Throws Error{failed} (EMFILE).
Fd duplicate(int fd);

// Throws Error{failed} with EMFILE when fewer than `count` more descriptors can be opened: libbpf
// takes a probe of the kernel that fails for that reason for a feature that is lacking.
void require_descriptors(unsigned count);

} // namespace dynmon
