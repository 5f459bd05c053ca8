// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: TC_ACT_SHOT
// It refers to the chain, and still drops.
#include "chain.h"

SEC("tc") int mentions_chain(struct __sk_buff* skb) {
    if (skb->len > 100000)
        bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_SHOT;
}
