// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A chain that libbpf would fill with a program while it loads.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

int on_tc(struct __sk_buff* skb);

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 128);
    __type(key, __u32);
    __array(values, int(void*));
} dynmon_chain SEC(".maps") = {.values = {[0] = (void*)&on_tc}};

SEC("tc") int on_tc(struct __sk_buff* skb) {
    return -1;
}
