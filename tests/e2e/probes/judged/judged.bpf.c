// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: drops what its model takes for an attack, by length and destination port of a packet.
#include "dynmon.h"
#include "forest.h"
#include "packet.h"

struct features {
    __u32 bytes;
    dynmon_port_t dport;
    __u8 protocol;
    __u8 padding;
};
DYNMON_FOREST(MODEL, 4096, struct features);

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct features);
} FEATURES SEC(".maps");

DYNMON_INGRESS(judged) {
    const __u32 only = 0;
    struct features* features = bpf_map_lookup_elem(&FEATURES, &only);
    struct dynmon_headers headers;
    const struct dynmon_judgement* verdict;

    if (!features || dynmon_parse(pkt, &headers) != DYNMON_IP)
        return DYNMON_PASS;
    features->bytes = pkt->len;
    features->dport = headers.dport;
    features->protocol = headers.protocol;
    verdict = dynmon_judge(MODEL, features);
    return verdict && verdict->attack ? DYNMON_DROP : DYNMON_PASS;
}
