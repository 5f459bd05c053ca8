// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: a hash that grows and shrinks (Linux 7.2), for `bpftool prog loadall`.
#include "dynmon.h"

struct route {
    __u32 hops;
    char via[8];
};

struct {
    __uint(type, 35); // BPF_MAP_TYPE_RHASH, which older headers do not have
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 10000);
    __type(key, __u32);
    __type(value, struct route);
} ZOO_RHASH SEC(".maps");

SEC("tc") int zoo_rhash(struct __sk_buff* skb) {
    const __u32 key = skb->len;
    const struct route* known = bpf_map_lookup_elem(&ZOO_RHASH, &key);

    return known ? 0 : 1;
}
