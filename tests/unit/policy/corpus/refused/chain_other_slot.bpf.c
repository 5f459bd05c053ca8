// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: other than to the next probe
// Any slot but its own: the first would be a loop, others skip monitors.
#include "chain.h"

SEC("tc") int first_slot(struct __sk_buff* skb) {
    bpf_tail_call(skb, &dynmon_chain, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int slot_behind(struct __sk_buff* skb) {
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot + 1);
    return TC_ACT_UNSPEC;
}

SEC("tc") int slot_of_packet(struct __sk_buff* skb) {
    bpf_tail_call(skb, &dynmon_chain, skb->mark);
    return TC_ACT_UNSPEC;
}
