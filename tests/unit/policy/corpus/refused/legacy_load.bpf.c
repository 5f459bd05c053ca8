// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it has other names for these loads
// expect: TC_ACT_OK
// Behind the packet's end, such a load leaves the program with 0.
#define NO_CHAIN
#include "chain.h"

unsigned long long load_byte(void* skb, unsigned long long offset) asm("llvm.bpf.load.byte");
__u64 seen;

SEC("tc") int legacy_load(struct __sk_buff* skb) {
    seen += load_byte(skb, 2000);
    return TC_ACT_UNSPEC;
}
