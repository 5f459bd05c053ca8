// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: packets of each direction in a map that is swapped and emptied on read.
#include "dynmon.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} PAIR_IN SEC(".maps"), PAIR_OUT SEC(".maps");

static __always_inline enum dynmon_verdict count(void* map) {
    __u32 zero = 0;
    __u64* packets = bpf_map_lookup_elem(map, &zero);

    if (packets)
        dynmon_add(packets, 1);
    return DYNMON_PASS;
}

DYNMON_INGRESS(pair_ingress) {
    return count(&PAIR_IN);
}

DYNMON_EGRESS(pair_egress) {
    return count(&PAIR_OUT);
}
