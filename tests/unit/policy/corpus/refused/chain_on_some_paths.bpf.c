// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: does not hand the packet over
// Monitors behind it would not see short packets.
#include "chain.h"

SEC("tc") int chain_on_some_paths(struct __sk_buff* skb) {
    if (skb->len < 100)
        return TC_ACT_UNSPEC;
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}

SEC("xdp") int chain_on_some_paths_xdp(struct xdp_md* xdp) {
    if (xdp->data_end - xdp->data < 100)
        return XDP_PASS;
    bpf_tail_call(xdp, &dynmon_chain, dynmon_slot);
    return XDP_PASS;
}
