// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: a second hand-over
// The programs behind it would count each packet twice.
#include "chain.h"

static __noinline int leave(struct __sk_buff* skb) {
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}

SEC("tc") int chain_twice(struct __sk_buff* skb) {
    leave(skb);
    asm volatile("" ::: "memory");
    return leave(skb);
}
