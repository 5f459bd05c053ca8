// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Counts NTP packets in each direction, and those of mode 7, which attacks are amplified with.
#include "dynmon.h"
#include "packet.h"

#define NTP_PORT 123
#define NTP_MODE_PRIVATE 7

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} NTP_PACKETS_COUNTER SEC(".maps"), NTP_PACKETS_COUNTER_EGRESS SEC(".maps"),
    NTP_MODE_PRIVATE_PACKETS_COUNTER SEC(".maps"),
    NTP_MODE_PRIVATE_PACKETS_COUNTER_EGRESS SEC(".maps");

static __always_inline void add(void* map, __u32 packets) {
    __u32 zero = 0;
    __u64* counter = bpf_map_lookup_elem(map, &zero);

    if (counter)
        dynmon_add(counter, packets);
}

// The first byte behind the UDP header says it: a packet of mode 7 may be as short as 8 bytes.
static __always_inline bool is_private(const struct dynmon_packet* pkt,
                                       const struct dynmon_headers* headers) {
    const __u32 at = headers->l4_offset + sizeof(struct udphdr);
    __u8 leap_version_mode;

    return at < headers->l3_offset + headers->ip_bytes &&
           dynmon_load(pkt, dynmon_forget(at), &leap_version_mode) &&
           (leap_version_mode & 7) == NTP_MODE_PRIVATE;
}

static __always_inline enum dynmon_verdict count(void* all, void* of_mode_7,
                                                 const struct dynmon_packet* pkt) {
    struct dynmon_headers headers;

    if (dynmon_parse(pkt, &headers) != DYNMON_IP || headers.protocol != IPPROTO_UDP ||
        (headers.sport != bpf_htons(NTP_PORT) && headers.dport != bpf_htons(NTP_PORT)))
        return DYNMON_PASS;
    add(all, headers.segments);
    if (is_private(pkt, &headers))
        add(of_mode_7, headers.segments);
    return DYNMON_PASS;
}

DYNMON_INGRESS(ntp_ingress) {
    return count(&NTP_PACKETS_COUNTER, &NTP_MODE_PRIVATE_PACKETS_COUNTER, pkt);
}

DYNMON_EGRESS(ntp_egress) {
    return count(&NTP_PACKETS_COUNTER_EGRESS, &NTP_MODE_PRIVATE_PACKETS_COUNTER_EGRESS, pkt);
}
