// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: sends packets elsewhere
// may: drop
#define NO_CHAIN
#include "chain.h"

SEC("tc") int redirects(struct __sk_buff* skb) {
    return bpf_redirect(1, 0);
}

SEC("tc") int clones(struct __sk_buff* skb) {
    bpf_clone_redirect(skb, 1, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int by_number(struct __sk_buff* skb) {
    return 7; // TC_ACT_REDIRECT
}

SEC("xdp") int back(struct xdp_md* xdp) {
    return XDP_TX;
}

SEC("xdp") int elsewhere(struct xdp_md* xdp) {
    return bpf_redirect(1, 0);
}
