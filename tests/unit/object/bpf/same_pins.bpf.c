// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A map and a section that bpffs would have under one name.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} _bss SEC(".maps");

__u64 counter;

SEC("tc") int on_ingress(struct __sk_buff* skb) {
    counter++;
    return -1;
}
