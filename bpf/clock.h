/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The clock of timestamps. */
#ifndef DYNMON_CLOCK_H
#define DYNMON_CLOCK_H

#include "types.h"

#ifdef DYNMON_LINKED /* see bare.h */
extern const volatile __u32 dynmon_clock_source;
extern volatile __s64 dynmon_clock_base SEC(".data.dynmon");
#else
/* Set by the loader before the program is loaded, so that the verifier sees a constant. */
const volatile __u32 dynmon_clock_source = DYNMON_CLOCK_KTIME;

/* Set by the loader while the program runs; alone in its section, one map value of 8 bytes. */
volatile __s64 dynmon_clock_base SEC(".data.dynmon") = 0;
#endif

/* Nanoseconds since the Unix epoch. Only the branch of the clock that the loader chose reaches the
 * verifier: a helper that an older kernel lacks is never seen there. */
static __always_inline dynmon_time_ns_t dynmon_now(void) {
    const __u32 source = dynmon_clock_source;
    __u64 now;

    if (source == DYNMON_CLOCK_TAI)
        now = bpf_ktime_get_tai_ns();
    else if (source == DYNMON_CLOCK_COARSE)
        now = bpf_ktime_get_coarse_ns();
    else if (source == DYNMON_CLOCK_BOOT)
        now = bpf_ktime_get_boot_ns();
    else
        now = bpf_ktime_get_ns();
    return now + dynmon_clock_base;
}

#endif
