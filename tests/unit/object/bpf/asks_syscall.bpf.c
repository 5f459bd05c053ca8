// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A program that can load others.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tc") int on_tc(struct __sk_buff* skb) {
    return -1;
}
SEC("syscall") int on_syscall(void* ctx) {
    return 0;
}
