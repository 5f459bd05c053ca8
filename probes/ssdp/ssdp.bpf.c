// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// Drops what comes from denied prefixes; tells of SSDP and of what amplifiers answer.
#include "dynmon.h"
#include "packet.h"

#define DENY_MAX 16384
#define DENY_NESTED 4 // expired entries that one address is looked up beyond
#define PORTS_MAX 1024
#define KINDS_MAX 64 // more than enum traffic has
#define SECOND_NS 1000000000ULL

const volatile __u32 sample = 1;               // tells of one of so many, at random
const volatile __u32 events_per_second = 1000; // of each kind, of all CPUs; 0: no limit
const volatile __u32 min_length = 0;           // tells only of packets of so many bytes of IP
const volatile __u32 deny_max = DENY_MAX;      // entries of each deny list, see probe.yaml

// What a packet is. From SSDP_SEARCH to WATCHED it is told of.
enum traffic {
    OTHER,
    DENIED,
    SSDP_SEARCH,   // M-SEARCH
    SSDP_NOTIFY,   // NOTIFY
    SSDP_RESPONSE, // HTTP/1.1 200 from port 1900
    SSDP_OTHER,    // anything else from or to port 1900
    QOTD,          // from here on: from the port of an amplifier
    CHARGEN,
    DNS, // answers only
    TFTP,
    PORTMAP,
    NTP, // modes 6 and 7 only
    NETBIOS,
    SNMP,
    CLDAP,
    SLP,
    RIP,
    MSSQL,
    ARD,
    WS_DISCOVERY,
    MDNS,
    COAP,
    UBIQUITI,
    MEMCACHED,
    DHDISCOVER,
    WATCHED,  // from a port that PORTS says to watch
    FRAGMENT, // a later fragment of UDP: it has no ports
    NOT_IP,
    MALFORMED,
};

// One for each kind of traffic. The packets of a kind are passed + dropped; the packets to be told
// of (super-packets count once) are events + skipped + suppressed + lost.
struct counted {
    __u64 passed;
    __u64 dropped;
    __u64 bytes;      // of IP, on the wire
    __u64 events;     // told
    __u64 skipped;    // not chosen by `sample`, or below `min_length`
    __u64 suppressed; // beyond `events_per_second`
    __u64 lost;       // no room in EVENTS
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

struct deny_ipv4_key {
    __u32 prefixlen;
    dynmon_ipv4_t address;
};

struct deny_ipv6_key {
    __u32 prefixlen;
    dynmon_ipv6_t address;
};

// What `dynmon-load deny` writes. Of several that an address lies in, the longest counts.
struct deny {
    dynmon_time_ns_t expires; // 0: never
    __u64 packets;            // dropped
    __u64 bytes;
    __u32 prefixlen; // as in the key, which a program cannot see
};

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, DENY_MAX);
    __type(key, struct deny_ipv4_key);
    __type(value, struct deny);
} DENY_IPV4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, DENY_MAX);
    __type(key, struct deny_ipv6_key);
    __type(value, struct deny);
} DENY_IPV6 SEC(".maps");

// What is not in here is as it is built in.
enum watch {
    IGNORE,
    WATCH,
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, PORTS_MAX);
    __type(key, dynmon_port_t);
    __type(value, enum watch);
} PORTS SEC(".maps");

// Of a kind of its own each, so that a flood of one does not hide the others.
struct budget {
    struct bpf_spin_lock lock;
    __u32 used;
    __u64 second;
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, KINDS_MAX);
    __type(key, __u32); // enum traffic
    __type(value, struct budget);
} BUDGET SEC(".maps");

// A key of either family starts with its length, which shrinks on the way.
static __always_inline struct deny* find_deny(void* list, void* key) {
    __u32* prefixlen = key;
    struct deny* entry;

#pragma clang loop unroll(disable)
    for (int i = 0; i <= DENY_NESTED; i++) {
        entry = bpf_map_lookup_elem(list, key);
        if (!entry || !entry->expires || entry->expires > dynmon_now())
            return entry;
        if (!entry->prefixlen)
            return 0;
        *prefixlen = entry->prefixlen - 1; // expired: a shorter one may hold
    }
    return 0;
}

static __always_inline struct deny* denied(const struct dynmon_headers* headers) {
    const __be32* words = (const __be32*)headers->saddr.bytes;

    if (headers->ip_version == 4) {
        struct deny_ipv4_key key = {.prefixlen = 32, .address = words[3]};
        return find_deny(&DENY_IPV4, &key);
    }
    struct deny_ipv6_key key = {.prefixlen = 128};
    __builtin_memcpy(&key.address, &headers->saddr, sizeof(key.address));
    return find_deny(&DENY_IPV6, &key);
}

static __always_inline bool is_multicast(const struct dynmon_headers* headers) {
    return headers->ip_version == 4 ? headers->daddr.bytes[12] >= 224
                                    : headers->daddr.bytes[0] == 0xff;
}

// The first bytes behind the UDP header; false: there are not so many.
#define LOAD_PAYLOAD(pkt, headers, into)                                                           \
    ((headers)->l4_offset + sizeof(struct udphdr) + sizeof(*(into)) <=                             \
         (headers)->l3_offset + (headers)->ip_bytes &&                                             \
     dynmon_load(pkt, dynmon_forget((headers)->l4_offset + sizeof(struct udphdr)), into))

#define TEXT8(a, b, c, d, e, f, g, h)                                                              \
    ((__u64)(h) << 56 | (__u64)(g) << 48 | (__u64)(f) << 40 | (__u64)(e) << 32 | (d) << 24 |       \
     (c) << 16 | (b) << 8 | (a))

static __always_inline enum traffic classify_ssdp(const struct dynmon_packet* pkt,
                                                  const struct dynmon_headers* headers) {
    __u64 text;

    if (!LOAD_PAYLOAD(pkt, headers, &text))
        return SSDP_OTHER;
    if (text == TEXT8('M', '-', 'S', 'E', 'A', 'R', 'C', 'H'))
        return SSDP_SEARCH;
    if (text == TEXT8('N', 'O', 'T', 'I', 'F', 'Y', ' ', '*'))
        return SSDP_NOTIFY;
    if (text == TEXT8('H', 'T', 'T', 'P', '/', '1', '.', '1') && headers->sport == bpf_htons(1900))
        return SSDP_RESPONSE;
    return SSDP_OTHER;
}

static __always_inline enum traffic amplifier(__u16 port) {
    switch (port) {
    case 17:
        return QOTD;
    case 19:
        return CHARGEN;
    case 53:
        return DNS;
    case 69:
        return TFTP;
    case 111:
        return PORTMAP;
    case 123:
        return NTP;
    case 137:
        return NETBIOS;
    case 161:
        return SNMP;
    case 389:
        return CLDAP;
    case 427:
        return SLP;
    case 520:
        return RIP;
    case 1434:
        return MSSQL;
    case 3283:
        return ARD;
    case 3702:
        return WS_DISCOVERY;
    case 5353:
        return MDNS;
    case 5683:
        return COAP;
    case 10001:
        return UBIQUITI;
    case 11211:
        return MEMCACHED;
    case 37810:
        return DHDISCOVER;
    default:
        return OTHER;
    }
}

// What nobody amplifies with: questions, and the time of day.
static __always_inline bool is_harmless(enum traffic kind, const struct dynmon_packet* pkt,
                                        const struct dynmon_headers* headers) {
    __u32 start; // little endian: its first byte is the lowest

    if (kind != DNS && kind != NTP)
        return false;
    if (!LOAD_PAYLOAD(pkt, headers, &start))
        return true;
    return kind == DNS ? !(start & 0x80 << 16) : (start & 7) < 6;
}

static __always_inline enum traffic classify(const struct dynmon_packet* pkt,
                                             const struct dynmon_headers* headers) {
    const enum watch* watch;
    enum traffic kind;

    if (headers->protocol != IPPROTO_UDP)
        return OTHER;
    if (headers->fragment == DYNMON_FRAGMENT_LATER)
        return FRAGMENT;
    watch = bpf_map_lookup_elem(&PORTS, &headers->sport);
    if (watch && *watch == IGNORE)
        return OTHER;
    if (headers->sport == bpf_htons(1900) || headers->dport == bpf_htons(1900))
        return classify_ssdp(pkt, headers);
    if (is_multicast(headers)) // nobody is flooded by an answer to a group
        return OTHER;
    kind = amplifier(bpf_ntohs(headers->sport));
    if (kind == OTHER)
        return watch ? WATCHED : OTHER;
    return is_harmless(kind, pkt, headers) ? OTHER : kind;
}

// Whether another event fits into this second. A CPU that is a little late counts for the next one,
// one that is far off has seen the clock being set.
static __always_inline bool take_budget(__u32 kind, dynmon_time_ns_t now) {
    const __u64 second = now / SECOND_NS;
    struct budget* budget;
    bool granted;
    __s64 ahead;

    if (!events_per_second)
        return true;
    budget = bpf_map_lookup_elem(&BUDGET, &kind);
    if (!budget)
        return false;
    ahead = second - budget->second;
    if ((ahead == 0 || ahead == -1) && budget->used >= events_per_second)
        return false; // most of a flood ends here, without the lock
    bpf_spin_lock(&budget->lock);
    ahead = second - budget->second;
    if (ahead > 0 || ahead < -1) {
        budget->second = second;
        budget->used = 0;
    }
    granted = budget->used < events_per_second;
    budget->used += granted;
    bpf_spin_unlock(&budget->lock);
    return granted;
}

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
    if (!take_budget(kind, event.time))
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

static __always_inline enum dynmon_verdict drop(struct deny* entry, __u32 packets, __u64 bytes) {
    struct counted* counted = counted_as(DENIED);

    dynmon_add(&entry->packets, packets);
    dynmon_add(&entry->bytes, bytes);
    if (counted) {
        counted->dropped += packets;
        counted->bytes += bytes;
    }
    return DYNMON_DROP;
}

DYNMON_INGRESS(ssdp_ingress) {
    struct dynmon_headers headers;
    struct counted* counted;
    struct deny* entry;
    enum traffic kind;
    enum dynmon_parsed parsed = dynmon_parse(pkt, &headers);

    if (parsed != DYNMON_IP) {
        counted = counted_as(parsed == DYNMON_NOT_IP ? NOT_IP : MALFORMED);
        if (counted)
            counted->passed += pkt->segments;
        return DYNMON_PASS;
    }
    entry = denied(&headers);
    if (entry)
        return drop(entry, headers.segments, dynmon_wire_bytes(pkt, &headers));
    kind = classify(pkt, &headers);
    counted = counted_as(kind);
    if (!counted)
        return DYNMON_PASS;
    counted->passed += headers.segments;
    counted->bytes += dynmon_wire_bytes(pkt, &headers);
    if (kind >= SSDP_SEARCH && kind <= WATCHED)
        tell(pkt, &headers, kind, counted);
    return DYNMON_PASS;
}
