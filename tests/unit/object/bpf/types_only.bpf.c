// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// An object that cannot be loaded: a static program, a function that is nowhere. Its types are
// whole.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

struct amount {
    __u64 packets;
    __u64 bytes;
};

#define MAP(name, of_key, of_value)                                                                \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_HASH);                                                           \
        __uint(max_entries, 1);                                                                    \
        __type(key, of_key);                                                                       \
        __type(value, of_value);                                                                   \
    } name SEC(".maps");

MAP(SHORT, __u32, struct amount)
MAP(counters_of_each_port, __u32, struct amount)
MAP(counters_of_each_host, __u32, struct amount)
MAP(counters_of_each_pair, __u64, struct amount)
MAP(connections_of_tcp, __u32, __u64)
MAP(connections_of_udp, __u64, __u32)

struct amount last_seen;
__u32 first_seen = 1;

extern int elsewhere(struct __sk_buff* skb);

static __attribute__((used)) SEC("tc") int unseen(struct __sk_buff* skb) {
    last_seen.packets++;
    return elsewhere(skb) + (int)first_seen;
}
