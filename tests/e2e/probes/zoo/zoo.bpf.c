// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: maps of the less common kinds, for `bpftool prog loadall`; the tests fill them.
#include "dynmon.h"

struct route {
    __u32 hops;
    char via[8];
};

struct prefix4 {
    __u32 prefixlen;
    __be32 address;
};

struct prefix6 {
    __u32 prefixlen;
    struct in6_addr address;
};

struct prefix_of_port {
    __u32 prefixlen;
    dynmon_port_t port;
    __u16 vlan;
};

#define TRIE(name, key_type)                                                                       \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_LPM_TRIE);                                                       \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
        __uint(max_entries, 4096);                                                                 \
        __type(key, key_type);                                                                     \
        __type(value, struct route);                                                               \
    } name SEC(".maps")

TRIE(ZOO_TRIE4, struct prefix4);
TRIE(ZOO_TRIE6, struct prefix6);
TRIE(ZOO_TRIE_PORT, struct prefix_of_port);

DYNMON_MMAP_ARRAY(ZOO_MMAP, struct route, 5000);

struct inner_hash {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8);
    __type(key, dynmon_port_t);
    __type(value, struct route);
};

struct inner_hash ZOO_INNER_ONE SEC(".maps");
struct inner_hash ZOO_INNER_TWO SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, __u32);
    __array(values, struct inner_hash);
} ZOO_ARRAY_OF SEC(".maps") = {.values = {[1] = &ZOO_INNER_ONE, [3] = &ZOO_INNER_TWO}};

struct {
    __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
    __uint(max_entries, 4);
    __type(key, dynmon_ipv4_t);
    __array(values, struct inner_hash);
} ZOO_HASH_OF SEC(".maps");

#define SIZED(name, kind, key_bytes, value_bytes, entries)                                         \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_##kind);                                                         \
        __uint(key_size, key_bytes);                                                               \
        __uint(value_size, value_bytes);                                                           \
        __uint(max_entries, entries);                                                              \
    } name SEC(".maps")

SIZED(ZOO_PROGRAMS, PROG_ARRAY, 4, 4, 6);
SIZED(ZOO_DEVICES, DEVMAP, 4, 8, 4);
SIZED(ZOO_DEVHASH, DEVMAP_HASH, 4, 4, 4);
SIZED(ZOO_CPUS, CPUMAP, 4, 8, 2);
SIZED(ZOO_SOCKETS, SOCKMAP, 4, 8, 4);
SIZED(ZOO_SOCKHASH, SOCKHASH, 8, 8, 4);
SIZED(ZOO_SOCKETS4, SOCKMAP, 4, 4, 4);
SIZED(ZOO_STACKS, STACK_TRACE, 4, 80, 4);
SIZED(ZOO_XSK, XSKMAP, 4, 4, 4);
SIZED(ZOO_CGROUPS, CGROUP_ARRAY, 4, 4, 4);
SIZED(ZOO_PERF, PERF_EVENT_ARRAY, 4, 4, 0);

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} ZOO_RING SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 4);
    __type(value, struct route);
} ZOO_QUEUE SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 4);
    __type(value, struct route);
} ZOO_QUEUE_OF_A_LONG_NAME SEC(".maps");

#define STORAGE(name, kind)                                                                        \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_##kind);                                                         \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
        __type(key, int);                                                                          \
        __type(value, struct route);                                                               \
    } name SEC(".maps")

STORAGE(ZOO_SK, SK_STORAGE);
STORAGE(ZOO_INODES, INODE_STORAGE);

DYNMON_EVENTS(ZOO_EVENTS, struct route, 4096);

struct route zoo_written = {.hops = 3, .via = "data"};
__u64 zoo_zeroed[2];
const volatile __u32 zoo_constant = 77;

SEC("xdp/devmap") int zoo_device(struct xdp_md* ctx) {
    return XDP_PASS;
}

SEC("xdp/cpumap") int zoo_cpu(struct xdp_md* ctx) {
    return XDP_PASS;
}

SEC("xdp") int zoo(struct xdp_md* ctx) {
    struct route head;
    struct route* route = bpf_map_lookup_elem(&ZOO_MMAP, &(__u32){0});

    if (route)
        dynmon_add(&route->hops, zoo_constant);
    bpf_map_peek_elem(&ZOO_QUEUE, &head);
    bpf_map_peek_elem(&ZOO_QUEUE_OF_A_LONG_NAME, &head);
    dynmon_emit(ZOO_EVENTS, &zoo_written);
    zoo_zeroed[1]++;
    if (!bpf_map_lookup_elem(&ZOO_ARRAY_OF, &(__u32){1}) ||
        !bpf_map_lookup_elem(&ZOO_HASH_OF, &zoo_written.hops))
        return XDP_DROP;
    return XDP_PASS;
}
