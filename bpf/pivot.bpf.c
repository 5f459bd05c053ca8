// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// The root program of a hook: starts the chain at slot 0, or lets the packet pass if it is empty.
// vmlinux.h first: the helper declarations use its types.
// clang-format off
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "abi.h"
// clang-format on

#define TC_ACT_UNSPEC (-1)

// A PROG_ARRAY holds programs of one type only, hence one per type; ingress and egress of TC each
// load their own copy of this object.
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, DYNMON_CHAIN_SLOTS);
    __type(key, __u32);
    __type(value, __u32);
} chain_xdp SEC(".maps"), chain_tc SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("xdp") int pivot_xdp(struct xdp_md* ctx) {
    bpf_tail_call_static(ctx, &chain_xdp, 0);
    return XDP_PASS;
}

SEC("tc") int pivot_tc(struct __sk_buff* ctx) {
    bpf_tail_call_static(ctx, &chain_tc, 0);
    return TC_ACT_UNSPEC; // other owners' programs on this hook still run
}
