// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: which writes to its bytes
// may: drop, redirect
// Helpers that give something out, into the packet.
#define NO_CHAIN
#include "chain.h"

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 1);
    __type(value, __u64);
} PREPARED SEC(".maps");

SEC("tc") int peeked(struct __sk_buff* skb) {
    void* data = (void*)(long)skb->data;

    if (data + 8 <= (void*)(long)skb->data_end)
        bpf_map_peek_elem(&PREPARED, data);
    return TC_ACT_UNSPEC;
}

SEC("tc") int popped(struct __sk_buff* skb) {
    void* data = (void*)(long)skb->data;

    if (data + 8 <= (void*)(long)skb->data_end)
        bpf_map_pop_elem(&PREPARED, data);
    return TC_ACT_UNSPEC;
}

SEC("tc") int loaded(struct __sk_buff* skb) {
    void* data = (void*)(long)skb->data;

    if (data + 8 <= (void*)(long)skb->data_end)
        bpf_skb_load_bytes(skb, 14, data, 8);
    return TC_ACT_UNSPEC;
}
