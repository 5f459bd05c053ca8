// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Drops what comes from denied prefixes; sends events for SSDP and for what amplifiers answer.
#include "budget.h"
#include "classify.h"
#include "deny.h"
#include "dynmon.h"
#include "packet.h"

#define KINDS_MAX 64 // more than enum traffic has

const volatile __u32 sample = 1;               // an event for one of so many, at random
const volatile __u32 events_per_second = 1000; // of each kind, of all CPUs; 0: no limit
const volatile __u32 min_length = 0;           // of IP, for an event

// One for each kind of traffic. The packets of a kind are passed + dropped; those that should be
// sent as events (super-packets count once) are events + skipped + suppressed + lost.
struct counted {
    __u64 passed;
    __u64 dropped;
    __u64 bytes;      // of IP, on the wire
    __u64 events;     // told
    __u64 skipped;    // not chosen by `sample`, or below `min_length`
    __u64 suppressed; // beyond `events_per_second`
    __u64 lost;       // no room in EVENTS
    __u64 allowed;    // of those passed: from an address on an allow list
    __u64 would_drop; // of those passed: a dry run would have dropped them
    __u64 estimated;  // frames of XDP that were several packets: counted by the MTU
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, KINDS_MAX);
    __type(key, enum traffic);
    __type(value, struct counted);
} TRAFFIC SEC(".maps");

struct event {
    dynmon_time_ns_t time;
    dynmon_ip_t saddr;
    dynmon_ip_t daddr;
    dynmon_port_t sport;
    dynmon_port_t dport;
    enum traffic kind;
    __u32 length;  // bytes of IP
    __u32 packets; // on the wire: more than one for a super-packet
    dynmon_ifindex_t ifindex;
    __u16 vlan;
    __u8 ttl;
    __u8 ip_version;
};

DYNMON_EVENTS(EVENTS, struct event, 1 << 18);

// Each kind of traffic has its own, so that a flood of one does not hide the others.
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, KINDS_MAX);
    __type(key, __u32); // enum traffic
    __type(value, struct dynmon_budget);
} BUDGET SEC(".maps");

static __always_inline void tell(const struct dynmon_packet* pkt,
                                 const struct dynmon_headers* headers, enum traffic kind,
                                 struct counted* counted) {
    struct event event = {
        .saddr = headers->saddr,
        .daddr = headers->daddr,
        .sport = headers->sport,
        .dport = headers->dport,
        .kind = kind,
        .length = headers->ip_bytes,
        .packets = headers->segments,
        .ifindex = pkt->ifindex,
        .vlan = headers->vlan,
        .ttl = headers->ttl,
        .ip_version = headers->ip_version,
    };

    if (headers->ip_bytes < min_length || (sample > 1 && bpf_get_prandom_u32() % sample)) {
        counted->skipped++;
        return;
    }
    event.time = dynmon_now();
    if (!dynmon_take_budget(&BUDGET, kind, events_per_second, event.time))
        counted->suppressed++;
    else if (dynmon_emit(EVENTS, &event))
        counted->events++;
    else
        counted->lost++;
}

static __always_inline struct counted* counted_as(enum traffic kind) {
    const struct counted none = {};

    return dynmon_lookup_or_init(&TRAFFIC, &kind, &none);
}

// The walks over the lists are long for the verifier: it goes once over them when all packets look
// the same to it by then, whatever way they came.
static __always_inline void forget(struct dynmon_packet* pkt, struct dynmon_headers* headers) {
    const __u64 unknown = dynmon_meter_on;
    __u64* words = (__u64*)headers;

#pragma unroll
    for (int i = 0; i < (int)(sizeof(*headers) / sizeof(*words)); i++)
        words[i] = dynmon_blur(words[i], unknown);
    dynmon_renew(pkt);
}

DYNMON_INGRESS(ssdp_ingress) {
    struct dynmon_headers headers;
    struct counted* counted;
    enum traffic kind;
    enum dynmon_parsed parsed = dynmon_parse(pkt, &headers);
    __u32 allowed, denied = 0;
    __u64 bytes;

    if (parsed != DYNMON_IP) {
        counted = counted_as(parsed == DYNMON_NOT_IP ? NOT_IP : MALFORMED);
        if (counted) {
            counted->passed += headers.segments;
            counted->estimated += pkt->estimated;
        }
        return DYNMON_PASS;
    }
    bytes = dynmon_forget(dynmon_wire_bytes(pkt, &headers));
    forget(pkt, &headers);
    allowed = LOOK_UP(ALLOW, &headers, allow_max, bytes);
    if (!allowed)
        denied = LOOK_UP(DENY, &headers, deny_max, bytes);
    kind = denied & ON_LIST ? DENIED : classify(pkt, &headers);
    kind = dynmon_forget(kind);
    counted = counted_as(kind);
    if (!counted)
        return denied & ON_LIST ? DYNMON_DROP : DYNMON_PASS;
    counted->bytes += bytes;
    counted->estimated += pkt->estimated;
    if (denied & ON_LIST) {
        counted->dropped += headers.segments;
        return DYNMON_DROP;
    }
    counted->passed += headers.segments;
    if (allowed)
        counted->allowed += headers.segments;
    if (denied)
        counted->would_drop += headers.segments;
    if (kind >= SSDP_SEARCH && kind <= WATCHED)
        tell(pkt, &headers, kind, counted);
    return DYNMON_PASS;
}
