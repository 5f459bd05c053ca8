// SPDX-License-Identifier: BSD-2-Clause
// What an object may ask of the kernel: programs for network devices, and nothing else.
#pragma once

#include <cstdint>

namespace dynmon {

class Object;

// Throws Error{rejected} for an object with a program of another kind (kprobe, LSM, struct_ops,
// syscall, a section that is not known here), one that asks for the kernel's configuration
// (.kconfig), or one that calls a helper which changes what other processes do. Of all programs,
// also those that would not be loaded: an object like that is no monitor.
void require_permitted(const Object& object);

// Whether a call of this helper makes an object refused, whatever calls it.
bool is_forbidden_helper(std::int32_t number);

} // namespace dynmon
