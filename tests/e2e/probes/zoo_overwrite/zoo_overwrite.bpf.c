// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: ring buffers that overwrite their oldest events (Linux 6.19), for `bpftool prog
// loadall`. A run of the program is one event in each.
#include "dynmon.h"

#define OVERWRITE (1U << 19) // BPF_F_RB_OVERWRITE, which older headers do not have

struct news {
    __u32 number;
    __u32 again; // the same: a torn event shows
    __u64 twice; // of it
};

struct { // records of 24 bytes do not divide it
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
    __uint(map_flags, OVERWRITE);
} ZOO_NEWS SEC(".maps");

struct { // records of 16 and 24 bytes
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
    __uint(map_flags, OVERWRITE);
} ZOO_MIXED SEC(".maps");

const struct news* const volatile dynmon_event_ZOO_NEWS = 0; // as DYNMON_EVENTS leaves it

__u32 zoo_sent;

SEC("tc") int zoo_overwrite(struct __sk_buff* skb) {
    const __u32 number = zoo_sent++;
    struct news event = {.number = number, .again = number, .twice = 2ULL * number};

    bpf_ringbuf_output(&ZOO_NEWS, &event, sizeof(event), 0);
    if (number % 2)
        bpf_ringbuf_output(&ZOO_MIXED, &event, sizeof(event), 0);
    else
        bpf_ringbuf_output(&ZOO_MIXED, &event, 8, 0);
    return 0;
}
