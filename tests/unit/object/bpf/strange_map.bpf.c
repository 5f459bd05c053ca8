// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A map definition with a field that libbpf refuses.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(colour, 3);
    __type(key, __u32);
    __type(value, __u64);
} STRANGE SEC(".maps");

SEC("tc") int on_tc(struct __sk_buff* skb) {
    __u32 zero = 0;
    return bpf_map_lookup_elem(&STRANGE, &zero) ? 1 : -1;
}
