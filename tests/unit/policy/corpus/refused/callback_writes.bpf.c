// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: a store to __sk_buff.mark
// may: drop, loops
// What a callback does, the program does.
#define NO_CHAIN
#include "chain.h"

struct work {
    struct __sk_buff* skb;
    __u64 turns;
};

static long turn(__u32 index, void* context) {
    struct work* work = context;

    work->turns++;
    work->skb->mark = 1;
    return 0;
}

SEC("tc") int callback_writes(struct __sk_buff* skb) {
    struct work work = {.skb = skb};

    bpf_loop(10, turn, &work, 0);
    return TC_ACT_UNSPEC;
}
