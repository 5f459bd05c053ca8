// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: values whose text depends on more than their bytes.
#include "dynmon.h"
#include "packet.h"

enum size { SMALL = 1, LARGE = 2 };
enum trait { EVEN = 1, SHORT = 2 };

// A compiler keeps an enum where a variable has its type.
enum size typed_size = SMALL;
enum trait typed_trait = EVEN;

struct place {
    dynmon_ifindex_t ifindex;
    __u32 nowhere; // the format says that it is an interface
    dynmon_eth_proto_t proto;
    __u16 size;
};

struct seen {
    struct bpf_spin_lock lock;
    __u32 traits;
    __u64 packets;
    __u64 large;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, struct place);
    __type(value, struct seen);
} TYPED SEC(".maps");

DYNMON_INGRESS(typed) {
    struct place place = {.ifindex = pkt->ifindex, .nowhere = 4000000000u};
    const struct seen none = {.large = (1ull << 53) + 1};
    struct seen* seen;
    struct ethhdr ethernet;

    if (!dynmon_load(pkt, 0, &ethernet))
        return DYNMON_PASS;
    place.proto = ethernet.h_proto;
    place.size = pkt->len < 100 ? SMALL : LARGE;
    seen = dynmon_lookup_or_init(&TYPED, &place, &none);
    if (!seen)
        return DYNMON_PASS;
    dynmon_add(&seen->packets, 1);
    seen->traits = (pkt->len % 2 == 0 ? EVEN : 0) | (pkt->len < 100 ? SHORT : 0) | 0x40;
    return DYNMON_PASS;
}
