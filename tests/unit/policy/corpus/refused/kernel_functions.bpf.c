// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it describes no functions from elsewhere
// expect: the kernel function
// may: drop, write-packets, redirect, read-kernel, timers, loops
#define NO_CHAIN
#include "chain.h"

extern int bpf_skb_set_something(struct __sk_buff* skb) __ksym __weak;
extern int bpf_arena_something(void) __ksym __weak;

SEC("tc") int kernel_function(struct __sk_buff* skb) {
    bpf_skb_set_something(skb);
    return TC_ACT_UNSPEC;
}

static __noinline int inside(void) {
    return bpf_arena_something();
}

SEC("tc") int kernel_function_inside(struct __sk_buff* skb) {
    inside();
    return TC_ACT_UNSPEC;
}
