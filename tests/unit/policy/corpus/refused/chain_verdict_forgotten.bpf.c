// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: in place of that of the programs behind it
// From within a function, the verdict of the others comes back; this one throws it away.
#include "chain.h"

static __noinline int leave(struct __sk_buff* skb) {
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}

SEC("tc") int chain_verdict_forgotten(struct __sk_buff* skb) {
    leave(skb);
    asm volatile("" ::: "memory");
    return TC_ACT_UNSPEC;
}
