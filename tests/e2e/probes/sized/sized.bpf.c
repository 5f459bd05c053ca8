// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: maps whose types and sizes are parameters.
#include "dynmon.h"

const volatile enum bpf_map_type table = BPF_MAP_TYPE_PERCPU_HASH;
const volatile __u32 rows = 4;
const volatile __u16 columns = 2;

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} BY_LENGTH SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 1);
    __type(value, __u32);
} LENGTHS SEC(".maps");

DYNMON_INGRESS(sized) {
    const __u64 none = 0;
    const __u32 length = pkt->len;
    __u64* seen = dynmon_lookup_or_init(&BY_LENGTH, &length, &none);

    if (seen && table == BPF_MAP_TYPE_HASH)
        dynmon_add(seen, 1);
    else if (seen)
        (*seen)++;
    bpf_map_push_elem(&LENGTHS, &length, 0);
    return DYNMON_PASS;
}
