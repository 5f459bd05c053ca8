// SPDX-License-Identifier: BSD-2-Clause
// Waits until no CPU runs a program that it took from a slot before the call.
#pragma once

namespace dynmon {

// An RCU grace period: XDP and TC programs run inside an RCU read-side section, and a PROG_ARRAY
// update does not wait for them. Costs 8 to 20 ms of sleep and no CPU. Throws Error{failed} when
// neither of the two ways works.
void fence();

bool has_membarrier();      // the kernel offers MEMBARRIER_CMD_GLOBAL
bool fence_is_membarrier(); // … and it is one here: with one CPU online it returns at once
// Opens now what fence() will want, for a caller that is about to give up its capabilities.
void prepare_fence();

} // namespace dynmon
