// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it makes indirect calls of the helpers in bpf_helpers.h
// expect: other than to the next probe
// A tail call into an array that is filled later, with programs that dynmon has not checked.
#include "chain.h"

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, __u32);
} OWN SEC(".maps");

SEC("tc") int own_programs(struct __sk_buff* skb) {
    bpf_tail_call(skb, &OWN, 0);
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}
