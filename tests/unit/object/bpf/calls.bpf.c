// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Hand-over from within a function that programs call.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 128);
    __type(key, __u32);
    __type(value, __u32);
} dynmon_chain SEC(".maps");

static __noinline int leave(struct __sk_buff* skb) {
    bpf_tail_call(skb, &dynmon_chain, 1);
    return -1;
}

SEC("classifier/a") int through_function(struct __sk_buff* skb) {
    return leave(skb);
}

SEC("tc/b") int not_at_all(struct __sk_buff* skb) {
    return skb->len > 100;
}
