// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// may: write-packets
#define NO_CHAIN
#include "chain.h"

SEC("tc") int with_writes(struct __sk_buff* skb) {
    __u8* data = (void*)(long)skb->data;

    skb->mark = 7;
    if (data + 1 <= (__u8*)(long)skb->data_end)
        *data = 1;
    bpf_skb_change_tail(skb, 64, 0);
    return TC_ACT_UNSPEC;
}
