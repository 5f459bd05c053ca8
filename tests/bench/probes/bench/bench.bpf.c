// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Maps to read and programs that do nothing, for the benchmark; no probe: it has no manifest.
#include "../../entry.h"

// Their size is set before they are loaded.
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1);
    __type(key, struct bench_key);
    __type(value, struct bench_value);
} BENCH_HASH SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, 1);
    __type(key, struct bench_key);
    __type(value, struct bench_value);
} BENCH_PERCPU SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} BENCH_ARRAY SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u64);
} BENCH_MAPPED SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc") int empty_tc(struct __sk_buff* ctx) {
    return TC_ACT_UNSPEC;
}

SEC("xdp") int empty_xdp(struct xdp_md* ctx) {
    return XDP_PASS;
}
