// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// may: redirect
#define NO_CHAIN
#include "chain.h"

SEC("tc") int with_redirect(struct __sk_buff* skb) {
    return skb->len > 100 ? bpf_redirect(1, 0) : TC_ACT_UNSPEC;
}

SEC("xdp") int with_redirect_xdp(struct xdp_md* xdp) {
    return XDP_TX;
}
