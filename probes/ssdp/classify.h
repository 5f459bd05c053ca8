/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a packet is taken for, by its ports and first bytes. */
#ifndef SSDP_CLASSIFY_H
#define SSDP_CLASSIFY_H

#include "dynmon.h"
#include "packet.h"

#define PORTS_MAX 1024

// A packet of a kind from SSDP_SEARCH to WATCHED is sent as an event.
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
    FRAGMENT, // a later fragment, of any protocol: it has no ports
    NOT_IP,
    MALFORMED,
};

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

// What no attack amplifies with: questions, and the time of day.
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

    if (headers->fragment == DYNMON_FRAGMENT_LATER)
        return FRAGMENT;
    if (headers->protocol != IPPROTO_UDP || !headers->l4_header)
        return OTHER;
    watch = bpf_map_lookup_elem(&PORTS, &headers->sport);
    if (watch && *watch == IGNORE)
        return OTHER;
    if (headers->sport == bpf_htons(1900) || headers->dport == bpf_htons(1900))
        return classify_ssdp(pkt, headers);
    if (is_multicast(headers)) // an answer to a group floods no host
        return OTHER;
    kind = amplifier(bpf_ntohs(headers->sport));
    if (kind == OTHER)
        return watch ? WATCHED : OTHER;
    return is_harmless(kind, pkt, headers) ? OTHER : kind;
}

#endif
