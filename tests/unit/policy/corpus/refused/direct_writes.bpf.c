// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it has another notation of instructions
// expect: writes packets: a store to
// may: drop, redirect
#define NO_CHAIN
#include "chain.h"

#define PACKET(context)                                                                            \
    __u8* data = (void*)(long)(context)->data;                                                     \
    const __u8* end = (void*)(long)(context)->data_end

SEC("tc") int one_byte(struct __sk_buff* skb) {
    PACKET(skb);
    if (data + 1 <= end)
        *data = 1;
    return TC_ACT_UNSPEC;
}

SEC("xdp") int one_byte_xdp(struct xdp_md* xdp) {
    PACKET(xdp);
    if (data + 15 <= end)
        data[14] ^= 1;
    return XDP_PASS;
}

SEC("tc") int counted(struct __sk_buff* skb) {
    PACKET(skb);
    if (data + 8 <= end)
        __atomic_fetch_add((__u64*)data, 1, __ATOMIC_RELAXED);
    return TC_ACT_UNSPEC;
}

static __noinline int write(struct __sk_buff* skb) {
    PACKET(skb);
    if (data + 1 <= end)
        *data = 1;
    return 0;
}

SEC("tc") int in_function(struct __sk_buff* skb) {
    write(skb);
    return TC_ACT_UNSPEC;
}

// Through the stack, and past a call that leaves nothing in registers.
SEC("tc") int spilled(struct __sk_buff* skb) {
    PACKET(skb);
    __u8* volatile kept = data;
    const __u8* volatile kept_end = end;

    bpf_ktime_get_ns();
    if (kept + 1 <= kept_end)
        *kept = 1;
    data = kept;
    end = kept_end;
    if (data + 1 <= end)
        *data = 1;
    return TC_ACT_UNSPEC;
}

// A pointer to the packet or to the stack: which one, the packet decides.
SEC("tc") int either(struct __sk_buff* skb) {
    PACKET(skb);
    __u8 own[8] = {};
    __u8* where = own;

    if (data + 8 <= end && skb->len % 2)
        where = data;
    asm volatile("*(u8 *)(%0 + 0) = %1" : : "r"(where), "r"(skb->len) : "memory");
    return TC_ACT_UNSPEC;
}

SEC("tc") int metadata(struct __sk_buff* skb) {
    __u8* meta = (void*)(long)skb->data_meta;
    const __u8* data = (void*)(long)skb->data;

    if (meta + 1 <= data)
        *meta = 1;
    return TC_ACT_UNSPEC;
}

SEC("tc") int mark(struct __sk_buff* skb) {
    skb->mark = 1;
    return TC_ACT_UNSPEC;
}

SEC("tc") int control_block(struct __sk_buff* skb) {
    skb->cb[2] = 1;
    return TC_ACT_UNSPEC;
}

SEC("tc") int queue(struct __sk_buff* skb) {
    skb->queue_mapping = 1;
    skb->priority = 1;
    return TC_ACT_UNSPEC;
}
