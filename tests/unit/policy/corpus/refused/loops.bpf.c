// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it describes no functions from elsewhere
// expect: loops beyond what the verifier unrolls
// may: drop
#define NO_CHAIN
#include "chain.h"

struct bpf_iter_num_own {
    __u64 opaque[1];
};
extern int bpf_iter_num_new(struct bpf_iter_num_own* it, int start, int end) __ksym __weak;

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1000);
    __type(key, __u32);
    __type(value, __u64);
} TABLE SEC(".maps");

static long turn(__u32 index, void* context) {
    return 0;
}

static long each(void* map, const void* key, void* value, void* context) {
    return 0;
}

SEC("tc") int by_helper(struct __sk_buff* skb) {
    bpf_loop(1 << 20, turn, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int over_map(struct __sk_buff* skb) {
    bpf_for_each_map_elem(&TABLE, each, 0, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int by_iterator(struct __sk_buff* skb) {
    struct bpf_iter_num_own it;

    bpf_iter_num_new(&it, 0, 1 << 20);
    return TC_ACT_UNSPEC;
}
