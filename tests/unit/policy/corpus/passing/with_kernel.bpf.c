// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// may: read-kernel
#define NO_CHAIN
#include "chain.h"

__u64 seen;

SEC("tc") int with_kernel(struct __sk_buff* skb) {
    bpf_probe_read_kernel(&seen, sizeof(seen), (void*)bpf_get_current_task());
    return TC_ACT_UNSPEC;
}
