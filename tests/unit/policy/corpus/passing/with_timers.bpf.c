// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// may: timers
#define NO_CHAIN
#include "chain.h"

struct alarm {
    struct bpf_timer timer;
    __u64 rung;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct alarm);
} ALARMS SEC(".maps");

static int rings(void* map, __u32* key, struct alarm* alarm) {
    alarm->rung++;
    return 0;
}

SEC("tc") int with_timers(struct __sk_buff* skb) {
    __u32 zero = 0;
    struct alarm* alarm = bpf_map_lookup_elem(&ALARMS, &zero);

    if (alarm && !bpf_timer_init(&alarm->timer, &ALARMS, 0)) {
        bpf_timer_set_callback(&alarm->timer, rings);
        bpf_timer_start(&alarm->timer, 1000000, 0);
    }
    return TC_ACT_UNSPEC;
}
