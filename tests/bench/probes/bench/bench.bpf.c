// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
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

// What a flow probe adds up, as C lays it out and as the systems before dynmon did.
#define ENTRY                                                                                      \
    {                                                                                              \
        __u8 method;                                                                               \
        __u64 first;                                                                               \
        __u64 last;                                                                                \
        __u64 packets;                                                                             \
        __u64 bytes;                                                                               \
        __u32 flags;                                                                               \
    }
struct natural ENTRY;
struct packed ENTRY __attribute__((packed));

#define ONE_ENTRY(NAME, type_name)                                                                 \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                   \
        __uint(max_entries, 1);                                                                    \
        __type(key, __u32);                                                                        \
        __type(value, struct type_name);                                                           \
    } NAME SEC(".maps")
ONE_ENTRY(BENCH_NATURAL, natural);
ONE_ENTRY(BENCH_PACKED, packed);

#define UPDATE(map, type_name, length, verdict)                                                    \
    const __u32 only = 0;                                                                          \
    struct type_name* entry = bpf_map_lookup_elem(&(map), &only);                                  \
    if (entry) {                                                                                   \
        if (!entry->first)                                                                         \
            entry->first = length;                                                                 \
        entry->last += length;                                                                     \
        entry->packets++;                                                                          \
        entry->bytes += length;                                                                    \
        entry->flags |= length;                                                                    \
    }                                                                                              \
    return verdict

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tc") int empty_tc(struct __sk_buff* ctx) {
    return TC_ACT_UNSPEC;
}

SEC("xdp") int empty_xdp(struct xdp_md* ctx) {
    return XDP_PASS;
}

SEC("tc") int natural_tc(struct __sk_buff* ctx) {
    UPDATE(BENCH_NATURAL, natural, ctx->len, TC_ACT_UNSPEC);
}

SEC("tc") int packed_tc(struct __sk_buff* ctx) {
    UPDATE(BENCH_PACKED, packed, ctx->len, TC_ACT_UNSPEC);
}

SEC("xdp") int natural_xdp(struct xdp_md* ctx) {
    UPDATE(BENCH_NATURAL, natural, ctx->data_end - ctx->data, XDP_PASS);
}

SEC("xdp") int packed_xdp(struct xdp_md* ctx) {
    UPDATE(BENCH_PACKED, packed, ctx->data_end - ctx->data, XDP_PASS);
}
