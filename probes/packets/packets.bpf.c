// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts packets in each direction, as they are on the wire.
#include "dynmon.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} PKT_COUNTER SEC(".maps"), PKT_COUNTER_EGRESS SEC(".maps");

static __always_inline enum dynmon_verdict count(void* map, const struct dynmon_packet* pkt) {
    __u32 zero = 0;
    __u64* counter = bpf_map_lookup_elem(map, &zero);

    if (counter)
        dynmon_add(counter, pkt->segments);
    return DYNMON_PASS;
}

DYNMON_INGRESS(packets_ingress) {
    return count(&PKT_COUNTER, pkt);
}

DYNMON_EGRESS(packets_egress) {
    return count(&PKT_COUNTER_EGRESS, pkt);
}
