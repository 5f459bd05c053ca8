// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: maps that are swapped on read beside one that is not, all counting packets.
#include "dynmon.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} MIXED_ONE SEC(".maps"), MIXED_TWO SEC(".maps"), MIXED_KEPT SEC(".maps");

static __always_inline void count(void* map, const struct dynmon_packet* pkt) {
    __u32 zero = 0;
    __u64* packets = bpf_map_lookup_elem(map, &zero);

    if (packets)
        dynmon_add(packets, 1);
}

DYNMON_INGRESS(mixed) {
    count(&MIXED_ONE, pkt);
    count(&MIXED_TWO, pkt);
    count(&MIXED_KEPT, pkt);
    return DYNMON_PASS;
}
