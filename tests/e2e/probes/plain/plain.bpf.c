// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: a program that knows nothing of dynmon, without manifest and without hand-over.
// clang-format off
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct seen {
    __u64 packets;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct seen);
} PLAIN_SEEN SEC(".maps");

static __always_inline void count(void) {
    __u32 zero = 0;
    struct seen* seen = bpf_map_lookup_elem(&PLAIN_SEEN, &zero);

    if (seen)
        __atomic_fetch_add(&seen->packets, 1, __ATOMIC_RELAXED);
}

SEC("tc") int plain_tc(struct __sk_buff* ctx) {
    count();
    return -1; // TC_ACT_UNSPEC
}

SEC("xdp") int plain_xdp(struct xdp_md* ctx) {
    count();
    return XDP_PASS;
}
