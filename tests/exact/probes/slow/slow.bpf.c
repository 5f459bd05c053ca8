// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Takes its time between seeing a packet and counting it: long enough to be swapped meanwhile.
#include "dynmon.h"

#define SPIN_NS 20000000ULL
#define MOST_TURNS (1 << 23)

struct seen {
    __u64 packets;
    dynmon_time_ns_t first; // when the program began to look at the first of them
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct seen);
} SEEN SEC(".maps");

static long spin(__u32 turn, void* end) {
    return bpf_ktime_get_ns() > *(__u64*)end;
}

DYNMON_INGRESS(slow_ingress) {
    const dynmon_time_ns_t began = dynmon_now();
    __u64 end = bpf_ktime_get_ns() + SPIN_NS;
    __u32 zero = 0;
    struct seen* seen;

    bpf_loop(MOST_TURNS, spin, &end, 0);
    seen = bpf_map_lookup_elem(&SEEN, &zero);
    if (!seen)
        return DYNMON_PASS;
    if (!seen->first)
        seen->first = began;
    seen->packets++;
    return DYNMON_PASS;
}
