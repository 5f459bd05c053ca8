// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it makes indirect calls of the helpers in bpf_helpers.h
// Programs whose instructions are counted: each is named after its loops.
#define NO_CHAIN
#include "chain.h"

struct bpf_iter_num_own {
    __u64 opaque[1];
} __attribute__((aligned(8)));
extern int bpf_iter_num_new(struct bpf_iter_num_own* it, int start, int end) __ksym __weak;
extern int* bpf_iter_num_next(struct bpf_iter_num_own* it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num_own* it) __ksym __weak;

extern int* bpf_iter_num_next___own(struct bpf_iter_num_own* it) __ksym __weak;

#define FOR(it, start, end) for (bpf_iter_num_new(&it, start, end); bpf_iter_num_next(&it);)

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1000);
    __type(key, __u32);
    __type(value, __u64);
} TABLE SEC(".maps");

__u64 total;

static long turn(__u32 index, void* context) {
    total += index;
    return 0;
}

static long turns(__u32 index, void* context) {
    bpf_loop(50, turn, 0, 0);
    return 0;
}

static long each(void* map, const void* key, void* value, void* context) {
    total++;
    return 0;
}

SEC("tc") int none(struct __sk_buff* skb) {
    total += skb->len;
    return TC_ACT_UNSPEC;
}

SEC("tc") int plain(struct __sk_buff* skb) {
#pragma clang loop unroll(disable)
    for (volatile int i = 0; i < 100; i++)
        total += i;
    return TC_ACT_UNSPEC;
}

SEC("tc") int helper_1000(struct __sk_buff* skb) {
    bpf_loop(1000, turn, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int helper_100_of_50(struct __sk_buff* skb) {
    bpf_loop(100, turns, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int helper_30_or_20(struct __sk_buff* skb) {
    bpf_loop(skb->len > 100 ? 30 : 20, turn, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int helper_unknown(struct __sk_buff* skb) {
    bpf_loop(skb->len, turn, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int plain_of_helper_1000(struct __sk_buff* skb) {
#pragma clang loop unroll(disable)
    for (volatile int i = 0; i < 5; i++)
        bpf_loop(1000, turn, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int map_1000(struct __sk_buff* skb) {
    bpf_for_each_map_elem(&TABLE, each, 0, 0);
    return TC_ACT_UNSPEC;
}

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1000);
    __type(key, __u32);
    __type(value, __u64);
} HASH SEC(".maps");

static long move(void* map, const __u32* key, __u64* value, void* context) {
    const __u32 next = *key + 1;

    bpf_map_update_elem(map, &next, value, 0);
    bpf_map_delete_elem(map, key);
    return 0;
}

SEC("tc") int hash_1000(struct __sk_buff* skb) {
    bpf_for_each_map_elem(&HASH, each, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int hash_that_grows(struct __sk_buff* skb) {
    bpf_for_each_map_elem(&HASH, move, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int iterator_100(struct __sk_buff* skb) {
    struct bpf_iter_num_own it;

    FOR(it, 50, 150)
    total++;
    bpf_iter_num_destroy(&it);
    return TC_ACT_UNSPEC;
}

SEC("tc") int iterator_10_of_20(struct __sk_buff* skb) {
    struct bpf_iter_num_own outer, inner;

    FOR(outer, 0, 10) {
        FOR(inner, 0, 20)
        total++;
        bpf_iter_num_destroy(&inner);
    }
    bpf_iter_num_destroy(&outer);
    return TC_ACT_UNSPEC;
}

SEC("tc") int iterator_10_then_20(struct __sk_buff* skb) {
    struct bpf_iter_num_own first, second;

    FOR(first, 0, 10)
    total++;
    bpf_iter_num_destroy(&first);
    FOR(second, 0, 20)
    total++;
    bpf_iter_num_destroy(&second);
    return TC_ACT_UNSPEC;
}

SEC("tc") int iterator_unknown(struct __sk_buff* skb) {
    struct bpf_iter_num_own it;

    FOR(it, 0, skb->len)
    total++;
    bpf_iter_num_destroy(&it);
    return TC_ACT_UNSPEC;
}

// libbpf leaves out ___own.
SEC("tc") int iterator_unknown_by_another_name(struct __sk_buff* skb) {
    struct bpf_iter_num_own it;

    for (bpf_iter_num_new(&it, 0, skb->len); bpf_iter_num_next___own(&it);)
        total++;
    bpf_iter_num_destroy(&it);
    return TC_ACT_UNSPEC;
}

// Loops without an end that the verifier accepts: it takes the second round for the first.
SEC("tc") int endless_of_helper(struct __sk_buff* skb) {
    do
        bpf_loop(1, turn, 0, 0);
    while (*(volatile __u64*)&total != 77);
    return TC_ACT_UNSPEC;
}

SEC("tc") int endless_of_iterator(struct __sk_buff* skb) {
    struct bpf_iter_num_own it;

    do {
        bpf_iter_num_new(&it, 0, 1);
        bpf_iter_num_next(&it);
        bpf_iter_num_destroy(&it);
    } while (*(volatile __u64*)&total != 77);
    return TC_ACT_UNSPEC;
}

// The program does not look at what the iterator says.
SEC("tc") int endless_after_iterator(struct __sk_buff* skb) {
    struct bpf_iter_num_own it;

    bpf_iter_num_new(&it, 0, 3);
    do {
        bpf_iter_num_next(&it);
        bpf_loop(1, turn, 0, 0);
    } while (*(volatile __u64*)&total != 77);
    bpf_iter_num_destroy(&it);
    return TC_ACT_UNSPEC;
}

static __attribute__((noinline)) void renew(struct bpf_iter_num_own* it) {
    bpf_iter_num_destroy(it);
    bpf_iter_num_new(it, 0, 5);
}

SEC("tc") int endless_by_renewal(struct __sk_buff* skb) {
    struct bpf_iter_num_own it;

    FOR(it, 0, 10)
    renew(&it);
    bpf_iter_num_destroy(&it);
    return TC_ACT_UNSPEC;
}

static __attribute__((noinline)) int* next_of(struct bpf_iter_num_own* it) {
    return bpf_iter_num_next(it);
}

// This one has an end, which is not looked for.
SEC("tc") int endless_by_function(struct __sk_buff* skb) {
    struct bpf_iter_num_own it;

    for (bpf_iter_num_new(&it, 0, 8000000); next_of(&it);)
        total++;
    bpf_iter_num_destroy(&it);
    return TC_ACT_UNSPEC;
}

__attribute__((noinline)) int global(__u32 from) {
#pragma clang loop unroll(disable)
    for (volatile int i = 0; i < 100; i++)
        total += from;
    return from != 3;
}

// The verifier walks through the function once, for both calls.
SEC("tc") int global_twice(struct __sk_buff* skb) {
    if (global(skb->len))
        total += global(skb->protocol);
    return TC_ACT_UNSPEC;
}
