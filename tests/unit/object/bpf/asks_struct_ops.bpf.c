// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A function for the kernel's own use.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tc") int on_tc(struct __sk_buff* skb) {
    return -1;
}
SEC("struct_ops/ssthresh") int on_ssthresh(void* ctx) {
    return 0;
}
