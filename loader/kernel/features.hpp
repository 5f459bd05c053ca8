// SPDX-License-Identifier: BSD-2-Clause
// What this kernel can do, found by trying it: versions say little, since distributions carry
// features back and leave others out of their configuration. Nothing that is tried is attached,
// pinned or seen by another process.
#pragma once

#include <vector>

#include "kernel/clock.hpp"

namespace dynmon {

enum class Support { no, yes, unknown }; // unknown: the caller has no right to try

struct Feature {
    const char* name;     // "batch-lpm-trie": never changes
    const char* semantic; // one line for people: what dynmon does with it, or without it
    Support (*probe)();
};

// All of them, in the order of printing. They depend on nothing but how the kernel was built.
const std::vector<Feature>& all_features();

// Those by which the loader chooses.
Support tcx_support();
Support xdp_frags_support();
Support clock_support(ClockSource source);
// Memory of maps counts against RLIMIT_MEMLOCK of the process (before 5.11), not its cgroup.
Support memlock_accounting();

} // namespace dynmon
