// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: metrics of a trie and of an array that is read as memory.
#include "dynmon.h"

struct prefix {
    __u32 prefixlen;
    __be32 address;
};

// The counters of the tries have 4 bytes: a trie puts its values right behind the prefix, where 8
// bytes would not stand on a multiple of 8.
#define TRIE(name, value_type)                                                                     \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_LPM_TRIE);                                                       \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
        __uint(max_entries, 64);                                                                   \
        __type(key, struct prefix);                                                                \
        __type(value, value_type);                                                                 \
    } name SEC(".maps")

// Written from outside only.
struct noted {
    dynmon_time_ns_t until;
    __u64 packets;
    __u32 prefixlen;
};

TRIE(SWAPPED_NETS, __u32);
TRIE(EMPTIED_NETS, __u32);
TRIE(NOTED_NETS, struct noted);
DYNMON_MMAP_ARRAY(BY_LENGTH, __u64, 1024);
DYNMON_MMAP_ARRAY(SWAPPED_LENGTHS, __u64, 1024);

/* Frames of `length` bytes count for the network 10.length.0.0/16. */
static __always_inline void count(void* nets, __u32 length) {
    const struct prefix net = {.prefixlen = 16, .address = bpf_htonl(10 << 24 | length << 16)};
    const __u32 none = 0;
    __u32* frames = dynmon_lookup_or_init(nets, &net, &none);

    if (frames)
        dynmon_add(frames, 1);
}

static __always_inline void count_at(void* lengths, __u32 length) {
    __u64* frames = bpf_map_lookup_elem(lengths, &length);

    if (frames)
        dynmon_add(frames, 1);
}

__u64 frames_seen;
__u32 last_length;

DYNMON_INGRESS(prefixes) {
    dynmon_add(&frames_seen, 1);
    last_length = pkt->len;
    count(&SWAPPED_NETS, pkt->len);
    count(&EMPTIED_NETS, pkt->len);
    count_at(&BY_LENGTH, pkt->len);
    count_at(&SWAPPED_LENGTHS, pkt->len);
    return DYNMON_PASS;
}
