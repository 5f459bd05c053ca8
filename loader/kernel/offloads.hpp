// SPDX-License-Identifier: BSD-2-Clause
// What a device, or the stack on its behalf, does with packets before programs see them.
#pragma once

#include <set>
#include <string>

namespace dynmon {

// Names as the kernel has them ("rx-gro", "tx-tcp-segmentation").
struct Offloads {
    std::set<std::string> on;    // that can be switched off
    std::set<std::string> fixed; // that are on and cannot
};

// Those of a device in the calling thread's network namespace. Empty when the device does not say.
Offloads offloads_of(const std::string& device);

} // namespace dynmon
