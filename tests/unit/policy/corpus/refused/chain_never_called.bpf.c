// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: does not hand the packet over
// The chain is the map of a look-up whose result is not used.
#include "chain.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} NOTES SEC(".maps");

SEC("tc") int chain_never_called(struct __sk_buff* skb) {
    __u32 zero = 0;
    __u64* note = bpf_map_lookup_elem(&NOTES, &zero);

    if (note)
        *note = (long)&dynmon_chain;
    return TC_ACT_UNSPEC;
}
