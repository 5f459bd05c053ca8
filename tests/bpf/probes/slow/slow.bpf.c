// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: costs as much as its parameter says, by a bounded loop.
#include "dynmon.h"

const volatile bool want_drop = false;

struct {
    __u32 turns; // of some 20 ns each
    __u32 seen;
    __u64 last;
} work;

static __always_inline enum dynmon_verdict slow(void) {
    for (__u32 turn = 0; turn < 1000; turn++) {
        if (turn >= work.turns)
            break;
        work.last = bpf_ktime_get_ns();
    }
    work.seen++;
    return want_drop ? DYNMON_DROP : DYNMON_PASS;
}

DYNMON_INGRESS(slow_ingress) {
    return slow();
}

DYNMON_EGRESS(slow_egress) {
    return slow();
}
