// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: wants to drop every frame longer than a limit.
#include "dynmon.h"

const volatile __u32 limit = 100;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} TOO_LONG SEC(".maps");

DYNMON_INGRESS(dropper) {
    __u32 zero = 0;
    __u64* counter = bpf_map_lookup_elem(&TOO_LONG, &zero);

    if (pkt->len <= limit)
        return DYNMON_PASS;
    if (counter)
        dynmon_add(counter, 1);
    return DYNMON_DROP;
}
