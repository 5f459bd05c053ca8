// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it describes no variables from elsewhere
// expect: reads the kernel's memory
// may: drop
#define NO_CHAIN
#include "chain.h"

extern const void init_task __ksym __weak;
__u64 seen;

SEC("tc") int reads(struct __sk_buff* skb) {
    bpf_probe_read_kernel(&seen, sizeof(seen), (void*)bpf_ktime_get_ns());
    return TC_ACT_UNSPEC;
}

SEC("tc") int reads_task(struct __sk_buff* skb) {
    seen = bpf_get_current_task();
    return TC_ACT_UNSPEC;
}

SEC("tc") int reads_variable(struct __sk_buff* skb) {
    seen = (long)&init_task;
    return TC_ACT_UNSPEC;
}

SEC("tc") int prints(struct __sk_buff* skb) {
    bpf_printk("%d", skb->len);
    return TC_ACT_UNSPEC;
}
