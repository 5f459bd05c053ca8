// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: one map that both directions write, swapped on read.
#include "dynmon.h"

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8);
    __type(key, __u32); // enum dynmon_direction
    __type(value, __u64);
} BOTH SEC(".maps");

static __always_inline enum dynmon_verdict count(const struct dynmon_packet* pkt) {
    const __u32 direction = pkt->direction;
    const __u64 none = 0;
    __u64* packets = dynmon_lookup_or_init(&BOTH, &direction, &none);

    if (packets)
        dynmon_add(packets, 1);
    return DYNMON_PASS;
}

DYNMON_INGRESS(shared_ingress) {
    return count(pkt);
}

DYNMON_EGRESS(shared_egress) {
    return count(pkt);
}
