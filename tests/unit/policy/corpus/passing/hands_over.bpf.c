// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "chain.h"

__u64 packets;

SEC("tc") int hands_over(struct __sk_buff* skb) {
    __sync_fetch_and_add(&packets, 1);
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}

SEC("xdp") int hands_over_xdp(struct xdp_md* xdp) {
    if (xdp->data_end - xdp->data > 100)
        packets++;
    bpf_tail_call(xdp, &dynmon_chain, dynmon_slot);
    return XDP_PASS;
}
