// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: one map of every kind that can be read, fed with the length of each frame.
#include "dynmon.h"

#define KIND(name, kind, entries)                                                                  \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_##kind);                                                         \
        __uint(max_entries, entries);                                                              \
        __type(key, __u32);                                                                        \
        __type(value, __u64);                                                                      \
    } name SEC(".maps")

KIND(KIND_HASH, HASH, 64);
// Before 6.17 each CPU of an LRU takes 128 free elements at once: with few of them the other CPUs
// find none and evict.
KIND(KIND_LRU, LRU_HASH, 4096);
KIND(KIND_CPU_HASH, PERCPU_HASH, 64);
KIND(KIND_CPU_LRU, LRU_PERCPU_HASH, 4096);
KIND(KIND_ARRAY, ARRAY, 4);
KIND(KIND_CPU_ARRAY, PERCPU_ARRAY, 4);

struct arrival {
    __u32 length;
    __u32 marker;
};

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 32);
    __type(value, struct arrival);
} KIND_QUEUE SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_STACK);
    __uint(max_entries, 32);
    __type(value, struct arrival);
} KIND_STACK SEC(".maps");

// Packets by the length of their frame.
static __always_inline void count_in(void* map, __u32 length) {
    const __u64 none = 0;
    __u64* packets = dynmon_lookup_or_init(map, &length, &none);

    if (packets)
        dynmon_add(packets, 1);
}

static __always_inline void add_at(void* map, __u32 index, __u64 amount) {
    __u64* sum = bpf_map_lookup_elem(map, &index);

    if (sum)
        dynmon_add(sum, amount);
}

DYNMON_INGRESS(kinds) {
    const struct arrival arrival = {.length = pkt->len, .marker = 0xabcd};

    count_in(&KIND_HASH, pkt->len);
    count_in(&KIND_LRU, pkt->len);
    count_in(&KIND_CPU_HASH, pkt->len);
    count_in(&KIND_CPU_LRU, pkt->len);
    add_at(&KIND_ARRAY, 1, 1);
    add_at(&KIND_ARRAY, 3, pkt->len);
    add_at(&KIND_CPU_ARRAY, 1, 1);
    add_at(&KIND_CPU_ARRAY, 3, pkt->len);
    bpf_map_push_elem(&KIND_QUEUE, &arrival, 0);
    bpf_map_push_elem(&KIND_STACK, &arrival, 0);
    return DYNMON_PASS;
}
