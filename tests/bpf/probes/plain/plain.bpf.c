// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: reads every packet the short way and the long way, and says whether they agree.
#include "plain.h"

#include "dynmon.h"
#include "packet.h"

// Without a name, so that the skeleton spells the struct out.
struct {
    __u32 plain;   // whether the short way knew the packet
    __u32 differs; // what it said of it is not what the long way says
} seen;

static __always_inline bool differ(const struct dynmon_headers* a, const struct dynmon_headers* b) {
    const __u64* left = (const __u64*)a;
    const __u64* right = (const __u64*)b;
    __u64 difference = 0;

#pragma unroll
    for (unsigned i = 0; i < sizeof(*a) / sizeof(*left); i++)
        difference |= left[i] ^ right[i];
    return difference;
}

static __always_inline enum dynmon_verdict compare(const struct dynmon_packet* pkt) {
    struct dynmon_headers headers, plain;

    seen.plain = dynmon_parse_plain(pkt, &plain);
    seen.differs =
        seen.plain && (dynmon_parse(pkt, &headers) != DYNMON_IP || differ(&headers, &plain));
    return DYNMON_PASS;
}

DYNMON_INGRESS(plain_ingress) {
    return compare(pkt);
}

DYNMON_EGRESS(plain_egress) {
    return compare(pkt);
}
