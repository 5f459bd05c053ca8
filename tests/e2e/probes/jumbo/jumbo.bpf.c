// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: a program that knows nothing of dynmon and reads packets in several buffers (Linux
// 5.18); without manifest.
// clang-format off
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct seen {
    __u64 packets;
    __u64 bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct seen);
} JUMBO_SEEN SEC(".maps");

SEC("xdp.frags") int jumbo(struct xdp_md* ctx) {
    __u32 zero = 0;
    struct seen* seen = bpf_map_lookup_elem(&JUMBO_SEEN, &zero);

    if (seen) {
        __atomic_fetch_add(&seen->packets, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&seen->bytes, bpf_xdp_get_buff_len(ctx), __ATOMIC_RELAXED);
    }
    return XDP_PASS;
}
