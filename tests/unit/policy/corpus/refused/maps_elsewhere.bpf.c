// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: sends packets elsewhere
// may: drop
#define NO_CHAIN
#include "chain.h"

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} SOCKETS SEC(".maps");

SEC("xdp") int maps_elsewhere(struct xdp_md* xdp) {
    return bpf_redirect_map(&SOCKETS, 0, XDP_PASS);
}
