// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A program for a network device, and one that decides over files.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tc") int on_tc(struct __sk_buff* skb) {
    return -1;
}
SEC("lsm/file_open") int on_open(void* ctx) {
    return 0;
}
