// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: map 'OUTER.inner' calls programs that dynmon has not checked
// A map of maps whose maps hold programs.
#include "chain.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(
        values, struct {
            __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
            __uint(max_entries, 4);
            __type(key, __u32);
            __type(value, __u32);
        });
} OUTER SEC(".maps");

SEC("tc") int programs_in_maps(struct __sk_buff* skb) {
    __u32 zero = 0;

    bpf_map_lookup_elem(&OUTER, &zero);
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC;
}
