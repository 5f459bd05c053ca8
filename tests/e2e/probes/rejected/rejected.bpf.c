// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: compiles, but reads a packet without looking where it ends; the verifier refuses it.
#include "dynmon.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} PKT_COUNTER SEC(".maps");

DYNMON_INGRESS(rejected) {
    const __u8* first_byte = pkt->data;
    __u32 zero = 0;
    __u64* counter = bpf_map_lookup_elem(&PKT_COUNTER, &zero);

    if (counter)
        dynmon_add(counter, *first_byte); // beyond data_end for all that is known
    return DYNMON_PASS;
}
