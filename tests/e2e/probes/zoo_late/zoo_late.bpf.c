// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: maps of kinds that came after Linux 5.10, for `bpftool prog loadall`.
#include "dynmon.h"

struct route {
    __u32 hops;
    char via[8];
};

struct { // 5.16
    __uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
    __uint(key_size, 0);
    __uint(value_size, 4);
    __uint(max_entries, 4);
} ZOO_BLOOM SEC(".maps");

struct { // 5.11
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct route);
} ZOO_TASKS SEC(".maps");

SEC("xdp") int zoo_late(struct xdp_md* ctx) {
    return XDP_PASS;
}
