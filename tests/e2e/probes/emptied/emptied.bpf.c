// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: packets in a map that is emptied on read, but not swapped.
#include "dynmon.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u64);
} EMPTIED SEC(".maps");

DYNMON_INGRESS(emptied_ingress) {
    const __u32 key = 0;
    const __u64 one = 1;
    __u64* packets = bpf_map_lookup_elem(&EMPTIED, &key);

    if (packets)
        dynmon_add(packets, 1);
    else
        bpf_map_update_elem(&EMPTIED, &key, &one, BPF_ANY);
    return DYNMON_PASS;
}
