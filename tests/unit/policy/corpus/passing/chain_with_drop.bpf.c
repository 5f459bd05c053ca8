// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// may: drop
#include "chain.h"

SEC("tc") int chain_with_drop(struct __sk_buff* skb) {
    if (skb->len < 100)
        return TC_ACT_SHOT;
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}
