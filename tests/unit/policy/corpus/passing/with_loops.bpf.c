// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// may: loops
#define NO_CHAIN
#include "chain.h"

struct work {
    const struct __sk_buff* skb;
    __u64 sum;
};

__u64 total;

static long turn(__u32 index, void* context) {
    struct work* work = context;

    work->sum += index + work->skb->len;
    return 0;
}

SEC("tc") int with_loops(struct __sk_buff* skb) {
    struct work work = {.skb = skb};

    bpf_loop(10, turn, &work, 0);
    total += work.sum;
    return TC_ACT_UNSPEC;
}
