// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// The verdict of the programs behind it comes back, and goes out as it is. A compiler that knew
// what the function returns behind an empty slot would return that always.
#include "chain.h"

static __noinline int leave(struct __sk_buff* skb) {
    int verdict = TC_ACT_UNSPEC;

    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    asm volatile("" : "+r"(verdict));
    return verdict;
}

SEC("tc") int hands_over_in_function(struct __sk_buff* skb) {
    return leave(skb);
}
