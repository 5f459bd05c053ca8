// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: a map of everything that an output may stumble over, which the test itself fills, and
// histograms of the lengths of frames.
#include "dynmon.h"

enum level { LEVEL_LOW = -1, LEVEL_NONE = 0, LEVEL_HIGH = 2147483647 };

struct nasty_key {
    dynmon_ipv4_t addr;
    dynmon_port_t port;
    char name[10];
};

struct point {
    __s16 x;
    __u8 seen;
};

struct nasty {
    __u64 most;
    __s64 least;
    __u64 low : 3;
    __s64 small : 5;
    __u64 wide : 40;
    _Bool flag;
    enum level level;
    __int128 huge __attribute__((aligned(16)));
    double real;
    float half;
    __be32 order;
    char text[12];
    __u8 bytes[4];
    dynmon_mac_t mac;
    dynmon_ipv6_t ip6;
    dynmon_time_ns_t when;
    __u32 list[3];
    __s8 grid[2][2];
    struct point points[2];
    union {
        __u32 word;
        __u16 shorts[2];
    };
    struct bpf_spin_lock lock;
    void* pointer;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, struct nasty_key);
    __type(value, struct nasty);
} NASTY SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 4);
    __type(key, struct nasty_key);
    __type(value, struct nasty);
} NASTY_EMPTY SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 3);
    __type(key, __u32);
    __type(value, __u64);
} NASTY_APART SEC(".maps");

struct lengths {
    __u64 slots[12];
    __u64 total;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct lengths);
} NASTY_LENGTHS SEC(".maps");

struct step {
    __u16 ether_type;
    __u16 number;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, struct step);
    __type(value, __u64);
} NASTY_STEPS SEC(".maps");

struct power {
    __u64 value;
    __u64 result;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct power);
} NASTY_POWER SEC(".maps");

DYNMON_INGRESS(nasty) {
    const __u64 none = 0;
    __u32 zero = 0;
    struct step step = {.ether_type = 0x0800, .number = pkt->len / 100};
    struct lengths* lengths = bpf_map_lookup_elem(&NASTY_LENGTHS, &zero);
    struct power* power = bpf_map_lookup_elem(&NASTY_POWER, &zero);
    __u64* steps;

    if (power)
        power->result = dynmon_log2(power->value);
    if (lengths) {
        lengths->slots[dynmon_bucket(dynmon_log2(pkt->len), 12)]++;
        lengths->total += pkt->len;
    }
    steps = dynmon_lookup_or_init(&NASTY_STEPS, &step, &none);
    if (steps)
        dynmon_add(steps, 1);
    return DYNMON_PASS;
}
