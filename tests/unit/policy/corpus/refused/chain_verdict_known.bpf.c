// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it forgets that verdict on no path
// expect: in place of that of the programs behind it
// Looks right, but the compiler knows that leave() returns TC_ACT_UNSPEC, and returns that.
#include "chain.h"

static __noinline int leave(struct __sk_buff* skb) {
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}

SEC("tc") int chain_verdict_known(struct __sk_buff* skb) {
    return leave(skb);
}
