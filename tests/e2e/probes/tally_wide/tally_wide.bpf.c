// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: packets by length of frame, with their bytes: TALLY has another type than in `tally`.
#include "dynmon.h"

const volatile __u32 step = 1; // what a packet counts

struct tally {
    __u64 packets;
    __u64 bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, struct tally);
} TALLY SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} TALLY_ALL SEC(".maps");

DYNMON_INGRESS(tally_wide) {
    const __u32 length = pkt->len;
    const struct tally none = {};
    __u32 zero = 0;
    struct tally* entry = dynmon_lookup_or_init(&TALLY, &length, &none);
    __u64* all = bpf_map_lookup_elem(&TALLY_ALL, &zero);

    if (entry) {
        dynmon_add(&entry->packets, step);
        dynmon_add(&entry->bytes, length);
    }
    if (all)
        dynmon_add(all, step);
    return DYNMON_PASS;
}
