// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counters that are changed atomically, at places where that is right and where it is not.
#include "common.h"

#define noinline __attribute__((noinline))

struct v4_key {
    __u32 prefixlen;
    __u32 address;
};
struct v6_key {
    __u32 prefixlen;
    __u32 address[4];
};
struct mac_key {
    __u32 prefixlen;
    __u8 address[6];
} __attribute__((packed));
struct counters {
    __u64 packets;
    __u64 slots[4];
    __u32 errors;
};
struct packed_counters {
    __u32 errors;
    __u64 packets;
} __attribute__((packed));

#define MAP(NAME, map_type, key_type, value_type, map_flag)                                        \
    struct {                                                                                       \
        __uint(type, map_type);                                                                    \
        __uint(map_flags, map_flag);                                                               \
        __uint(max_entries, 16);                                                                   \
        __type(key, key_type);                                                                     \
        __type(value, value_type);                                                                 \
    } NAME SEC(".maps")

MAP(TRIE4, BPF_MAP_TYPE_LPM_TRIE, struct v4_key, struct counters, BPF_F_NO_PREALLOC);
MAP(TRIE6, BPF_MAP_TYPE_LPM_TRIE, struct v6_key, struct counters, BPF_F_NO_PREALLOC);
MAP(TRIE_MAC, BPF_MAP_TYPE_LPM_TRIE, struct mac_key, __u32, BPF_F_NO_PREALLOC);
MAP(HASH, BPF_MAP_TYPE_HASH, struct v4_key, struct counters, 0);
MAP(PERCPU, BPF_MAP_TYPE_PERCPU_HASH, struct v4_key, struct counters, 0);
MAP(ARRAY, BPF_MAP_TYPE_ARRAY, __u32, struct counters, 0);
MAP(PACKED, BPF_MAP_TYPE_HASH, __u32, struct packed_counters, 0);

__u64 total;

#define ADD(counter, amount) ((void)__atomic_fetch_add((counter), (amount), __ATOMIC_RELAXED))

SEC("tc") int trie4(struct __sk_buff* ctx) {
    struct v4_key key = {32, ctx->mark};
    struct counters* found = bpf_map_lookup_elem(&TRIE4, &key);

    if (found)
        ADD(&found->packets, 1);
    return 0;
}

static noinline int count(struct counters* counters, __u32 slot) {
    if (counters)
        ADD(&counters->slots[slot & 3], 1);
    return 0;
}

SEC("tc") int trie4_slot(struct __sk_buff* ctx) {
    struct v4_key key = {32, ctx->mark};

    count(bpf_map_lookup_elem(&TRIE4, &key), ctx->len);
    return 0;
}

SEC("tc") int trie4_either(struct __sk_buff* ctx) {
    struct v4_key key = {32, ctx->mark};
    struct counters* found = bpf_map_lookup_elem(&HASH, &key);

    if (!found)
        found = bpf_map_lookup_elem(&TRIE4, &key);
    if (found)
        ADD(&found->slots[2], 1);
    return 0;
}

SEC("tc") int trie4_narrow(struct __sk_buff* ctx) {
    struct v4_key key = {32, ctx->mark};
    struct counters* found = bpf_map_lookup_elem(&TRIE4, &key);

    if (found)
        ADD(&found->errors, 1);
    return 0;
}

SEC("tc") int trie_mac(struct __sk_buff* ctx) {
    struct mac_key key = {.prefixlen = 48};
    __u32* found = bpf_map_lookup_elem(&TRIE_MAC, &key);

    if (found)
        ADD(found, 1);
    return 0;
}

SEC("tc") int trie4_plain(struct __sk_buff* ctx) {
    struct v4_key key = {32, ctx->mark};
    struct counters* found = bpf_map_lookup_elem(&TRIE4, &key);

    if (found)
        found->packets++;
    return 0;
}

SEC("tc") int packed(struct __sk_buff* ctx) {
    __u32 key = ctx->mark;
    struct packed_counters* found = bpf_map_lookup_elem(&PACKED, &key);

    if (found) {
        __u64* packets = (void*)found + __builtin_offsetof(struct packed_counters, packets);
        ADD(packets, 1);
    }
    return 0;
}

SEC("tc") int good(struct __sk_buff* ctx) {
    struct v4_key key = {32, ctx->mark};
    struct v6_key key6 = {128, {ctx->mark}};
    __u32 index = ctx->mark & 15;
    struct counters* found = bpf_map_lookup_elem(&TRIE6, &key6);

    if (found) {
        ADD(&found->packets, ctx->len);
        ADD(&found->errors, 1);
    }
    found = bpf_map_lookup_elem(&HASH, &key);
    if (found) {
        ADD(&found->packets, ctx->len);
        ADD(&found->slots[ctx->len & 3], 1);
    }
    found = bpf_map_lookup_elem(&PERCPU, &key);
    if (found)
        ADD(&found->slots[3], 1);
    found = bpf_map_lookup_elem(&ARRAY, &index);
    if (found)
        ADD(&found->errors, 1);
    ADD(&total, 1);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
