// SPDX-License-Identifier: BSD-2-Clause
// The network devices by name.
#pragma once

#include <memory>

namespace dynmon {

struct EnumSet;

// The names of all devices by index, in the calling thread's network namespace; none when they
// cannot be listed.
std::shared_ptr<const EnumSet> device_names();

} // namespace dynmon
