// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: does not hand the packet over
// may: drop
// One that may drop may end the chain by a drop, and by nothing else.
#include "chain.h"

SEC("tc") int chain_with_drop(struct __sk_buff* skb) {
    if (skb->len < 100)
        return TC_ACT_SHOT;
    if (skb->len < 200)
        return TC_ACT_OK;
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}
