// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// An object with one of everything that the unit tests ask about.
#include "common.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

enum color { RED = 1, GREEN = 2, BLUE = -7 };
enum flavour { SWEET, SOUR };

// Parameters of every scalar type.
const volatile __u8 p_u8 = 8;
const volatile __u16 p_u16 = 16;
const volatile __u32 p_u32 = 32;
const volatile __u64 p_u64 = 64;
const volatile __s8 p_s8 = -8;
const volatile __s16 p_s16 = -16;
const volatile __s32 p_s32 = -32;
const volatile __s64 p_s64 = -64;
const volatile bool p_bool = true;
const volatile char p_char = 'x';
const volatile enum color p_color = GREEN;
const volatile enum flavour p_flavour = SOUR;
volatile const __u32 p_swapped = 7;
typedef const volatile __u32 knob;
knob p_typedef = 9;
typedef __be16 dynmon_port_t;
typedef __be32 dynmon_ipv4_t;
const volatile dynmon_port_t p_port = 1;
const volatile dynmon_ipv4_t p_peer = 1;
typedef __u64 dynmon_duration_ns_t;
typedef __u32 dynmon_duration_us_t;
const volatile dynmon_duration_ns_t p_pause = 1;
const volatile dynmon_duration_us_t p_pause_us = 1;
// What is in .rodata as well but is no parameter.
const volatile __u32 p_array[4] = {1, 2, 3, 4};
const volatile struct { __u32 a; } p_struct = {1};
const volatile __u32 dynmon_slot = 5;
static const volatile __u32 hidden = 11;
const __u32 plain_const = 12;
// Globals elsewhere.
__u64 in_bss;
__u64 in_data = 3;
volatile __s64 dynmon_clock_base SEC(".data.dynmon") = 0;

struct address {
    __be32 ip;
    __be16 port;
    __u8 proto;
    __u8 pad;
};

struct counters {
    __u64 packets;
    __u64 bytes;
    __u64 first;
    __u8 flags;
    char name[7];
    __u32 histogram[4];
    enum color color;
    __u32 low : 3;
    __u32 high : 5;
    __u8 mac[6];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, 128);
    __type(key, struct address);
    __type(value, struct counters);
} FLOWS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} COUNTER SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 64);
    __uint(map_flags, BPF_F_NO_COMMON_LRU);
    __type(key, struct address);
    __type(value, __u64);
} RECENT SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 16);
    __type(value, struct counters);
} EVENTS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __uint(key_size, 6);
    __uint(value_size, 12);
} UNTYPED SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 4);
    __uint(map_flags, BPF_F_RDONLY);
    __type(key, __u32);
    __type(value, __u64);
} READ_ONLY SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} RING SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 128);
    __type(key, __u32);
    __type(value, __u32);
} dynmon_chain SEC(".maps");

static void count(void) {
    __u32 zero = 0;
    __u64* counter = bpf_map_lookup_elem(&COUNTER, &zero);

    if (counter)
        *counter += p_u8 + p_u16 + p_u32 + p_u64 + p_s8 + p_s16 + p_s32 + p_s64 + p_bool + p_char +
                    p_color + p_flavour + p_swapped + p_typedef + p_port + p_peer + p_array[zero] +
                    p_struct.a + hidden + plain_const + in_bss + in_data + dynmon_clock_base;
}

SEC("tc") int on_ingress(struct __sk_buff* skb) {
    count();
    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    return -1;
}

SEC("tcx/egress") int on_egress(struct __sk_buff* skb) {
    count();
    return -1;
}

SEC("xdp") int on_xdp(struct xdp_md* xdp) {
    bpf_tail_call(xdp, &dynmon_chain, dynmon_slot);
    return XDP_PASS;
}
