// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// The neutral verdicts; -1 is two instructions wide for -mcpu=v1 and v2.
#define NO_CHAIN
#include "chain.h"

SEC("tc") int unspec(struct __sk_buff* skb) {
    return TC_ACT_UNSPEC;
}

SEC("tc") int pipe(struct __sk_buff* skb) {
    return TC_ACT_PIPE; // the kernel makes TC_ACT_UNSPEC of it
}

SEC("tc") int one_or_the_other(struct __sk_buff* skb) {
    return skb->len > 100 ? TC_ACT_UNSPEC : 1;
}

SEC("xdp") int pass(struct xdp_md* xdp) {
    return XDP_PASS;
}
