// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: measures itself as the dynmon.h of old did, without the worst packet and the limit.
// clang-format off
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

const volatile __u32 dynmon_slot = 0xffffffff;
volatile __u64 dynmon_meter_on SEC(".data.dynmon_meter") = 0;

struct dynmon_cost {
    __u64 runs;
    __u64 ns;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, struct dynmon_cost);
} dynmon_meter SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 128);
    __type(key, __u32);
    __type(value, __u32);
} dynmon_chain SEC(".maps");

SEC("tc") int old_meter(struct __sk_buff* ctx) {
    const __u32 ingress = 0;
    struct dynmon_cost* cost = bpf_map_lookup_elem(&dynmon_meter, &ingress);

    if (cost && dynmon_meter_on) {
        cost->runs++;
        cost->ns += 7;
    }
    bpf_tail_call(ctx, &dynmon_chain, dynmon_slot);
    return -1; // TC_ACT_UNSPEC
}
