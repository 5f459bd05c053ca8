// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it makes indirect calls of the helpers in bpf_helpers.h
// A probe as most are written, with dynmon.h.
#include "dynmon.h"
#include "packet.h"

struct seen {
    __u64 packets;
    __u64 bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 256);
    __type(key, dynmon_proto_t);
    __type(value, struct seen);
} BY_PROTO SEC(".maps");

DYNMON_INGRESS(entry_macros) {
    struct dynmon_headers headers;
    struct seen none = {};
    struct seen* seen;

    if (dynmon_parse(pkt, &headers) != DYNMON_IP)
        return DYNMON_PASS;
    seen = dynmon_lookup_or_init(&BY_PROTO, &headers.protocol, &none);
    if (seen) {
        dynmon_add(&seen->packets, pkt->segments);
        dynmon_add(&seen->bytes, pkt->len);
    }
    return headers.protocol == 17 ? DYNMON_DROP : DYNMON_PASS; // not obeyed
}
