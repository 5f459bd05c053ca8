// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Gives every packet another source address, in turns, and hands it on; no probe: it has no
// manifest.
#include "types.h"

#define SOURCES 65536
#define ENTRIES 16384

__u8 sources[SOURCES][16]; // of IPv4 the first 4 bytes
__u32 turn = 0;

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} NEXT SEC(".maps");

#define PLAIN_HASH(NAME, key_type)                                                                 \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_HASH);                                                           \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
        __uint(max_entries, ENTRIES);                                                              \
        __type(key, key_type);                                                                     \
        __type(value, __u64);                                                                      \
    } NAME SEC(".maps")
PLAIN_HASH(HASH_IPV4, struct dynmon_ipv4_prefix);
PLAIN_HASH(HASH_IPV6, struct dynmon_ipv6_prefix);

#define TRIE(NAME, key_type)                                                                       \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_LPM_TRIE);                                                       \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
        __uint(max_entries, ENTRIES);                                                              \
        __type(key, key_type);                                                                     \
        __type(value, __u64);                                                                      \
    } NAME SEC(".maps")
TRIE(TRIE_IPV4, struct dynmon_ipv4_prefix);
TRIE(TRIE_IPV6, struct dynmon_ipv6_prefix);

char LICENSE[] SEC("license") = "Dual BSD/GPL";

// The next source, written into the frame; NULL: the frame is too short.
static __always_inline const __u8* next_source(struct xdp_md* ctx, bool* ipv4) {
    const __u8* source = sources[turn++ % SOURCES];
    struct ethhdr* frame = (void*)(long)ctx->data;
    struct iphdr* header4 = (void*)(frame + 1);
    struct ipv6hdr* header6 = (void*)(frame + 1);

    // A frame of IPv4 with TCP is as long as that.
    if ((void*)(header6 + 1) > (void*)(long)ctx->data_end)
        return NULL;
    *ipv4 = frame->h_proto == bpf_htons(ETH_P_IP);
    if (*ipv4)
        __builtin_memcpy(&header4->saddr, source, sizeof(header4->saddr));
    else
        __builtin_memcpy(&header6->saddr, source, sizeof(header6->saddr));
    return source;
}

SEC("xdp") int to_next(struct xdp_md* ctx) {
    bool ipv4;

    if (next_source(ctx, &ipv4))
        bpf_tail_call(ctx, &NEXT, 0);
    return XDP_PASS;
}

SEC("xdp") int to_nothing(struct xdp_md* ctx) {
    bool ipv4;

    return next_source(ctx, &ipv4) ? XDP_PASS : XDP_ABORTED;
}

// One look-up; what is on the map is dropped.
#define LOOK_UP(kind)                                                                              \
    struct dynmon_ipv4_prefix key4 = {.length = 32};                                               \
    struct dynmon_ipv6_prefix key6 = {.length = 128};                                              \
    bool ipv4;                                                                                     \
    const __u8* source = next_source(ctx, &ipv4);                                                  \
    const void* found;                                                                             \
                                                                                                   \
    if (!source)                                                                                   \
        return XDP_ABORTED;                                                                        \
    if (ipv4) {                                                                                    \
        __builtin_memcpy(&key4.address, source, sizeof(key4.address));                             \
        found = bpf_map_lookup_elem(&kind##_IPV4, &key4);                                          \
    } else {                                                                                       \
        __builtin_memcpy(&key6.address, source, sizeof(key6.address));                             \
        found = bpf_map_lookup_elem(&kind##_IPV6, &key6);                                          \
    }                                                                                              \
    return found ? XDP_DROP : XDP_PASS

SEC("xdp") int to_hash(struct xdp_md* ctx) {
    LOOK_UP(HASH);
}

SEC("xdp") int to_trie(struct xdp_md* ctx) {
    LOOK_UP(TRIE);
}
