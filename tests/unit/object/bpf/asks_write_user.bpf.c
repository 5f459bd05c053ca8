// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A function that writes into other processes.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

static long (*write_user)(void* to, const void* from, __u32 size) = (void*)36;

static __attribute__((noinline)) int far(struct __sk_buff* skb) {
    int one = 1;
    return (int)write_user((void*)0x1000, &one, sizeof one) + skb->len;
}
SEC("tc") int on_tc(struct __sk_buff* skb) {
    far(skb);
    return -1;
}
