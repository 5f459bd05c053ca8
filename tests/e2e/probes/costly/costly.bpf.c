// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: packets, each for as many readings of the clock as a parameter says.
#include "dynmon.h"

const volatile __u32 turns = 0;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} COSTLY SEC(".maps");

DYNMON_INGRESS(costly) {
    const __u32 zero = 0;
    __u64* seen = bpf_map_lookup_elem(&COSTLY, &zero);
    volatile __u64 last;

    for (__u32 turn = 0; turn < 1000 && turn < turns; turn++)
        last = bpf_ktime_get_ns();
    if (seen)
        dynmon_add(seen, 1);
    return DYNMON_PASS;
}
