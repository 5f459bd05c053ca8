// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: decides over packets
#define NO_CHAIN
#include "chain.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} VERDICTS SEC(".maps");

__u32 shared;

SEC("tc") int shot(struct __sk_buff* skb) {
    return skb->len > 100 ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc") int stolen(struct __sk_buff* skb) {
    return TC_ACT_STOLEN;
}

SEC("tc") int computed(struct __sk_buff* skb) {
    return skb->len % 3;
}

SEC("tc") int looked_up(struct __sk_buff* skb) {
    __u32 zero = 0;
    __u32* verdict = bpf_map_lookup_elem(&VERDICTS, &zero);

    return verdict ? *verdict : TC_ACT_UNSPEC;
}

SEC("tc") int fetched(struct __sk_buff* skb) {
    return shared;
}

SEC("tc") int by_helper(struct __sk_buff* skb) {
    return bpf_get_prandom_u32();
}

static __noinline int decide(__u32 length) {
    return length > 100 ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc") int by_function(struct __sk_buff* skb) {
    return decide(skb->len);
}

SEC("xdp") int aborted(struct xdp_md* xdp) {
    return XDP_ABORTED;
}

SEC("xdp") int not_known(struct xdp_md* xdp) {
    return 77; // the kernel drops what it does not know
}
