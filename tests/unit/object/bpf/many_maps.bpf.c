// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// One map more than a program may use.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

#define MAP(n)                                                                                     \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                          \
        __uint(max_entries, 1);                                                                    \
        __type(key, __u32);                                                                        \
        __type(value, __u64);                                                                      \
    } MAP_##n SEC(".maps");
#define EIGHT(n) MAP(n##0) MAP(n##1) MAP(n##2) MAP(n##3) MAP(n##4) MAP(n##5) MAP(n##6) MAP(n##7)

EIGHT(0)
EIGHT(1) EIGHT(2) EIGHT(3) EIGHT(4) EIGHT(5) EIGHT(6) EIGHT(7)

    __u64 counter; // .bss is the 65th

SEC("tc") int on_tc(struct __sk_buff* skb) {
    counter++;
    return -1;
}
