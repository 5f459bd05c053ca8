/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sessions: both directions of a conversation under one key, and which end of it is the server.
 *
 *     struct missed {
 *         DYNMON_SESSION_UNFIT
 *         __u64 map_full;
 *     };
 *
 *     fit = dynmon_session_packet(pkt, &headers);
 *     if (fit != DYNMON_SESSION_FIT)
 *         dynmon_count_packets(&MISSED, fit, &headers);
 *     …
 *     reverse = dynmon_session_key(&key, &headers);
 */
#ifndef DYNMON_SESSION_H
#define DYNMON_SESSION_H

#include "packet.h"
#include "tunnel.h"

/* Canonical: the lower address (as big-endian numbers of 16 bytes) is `saddr`, with equal addresses
 * the lower port is `sport`. Every byte is a field. */
struct dynmon_session_key {
    dynmon_ip_t saddr;
    dynmon_ip_t daddr;
    dynmon_port_t sport; /* ICMP and later fragments: 0 */
    dynmon_port_t dport;
    dynmon_proto_t proto;
    __u8 ip_version;
    __u16 vlan;
};

/* Why a packet belongs to no session: the number of its counter in a struct that starts with
 * DYNMON_SESSION_UNFIT. */
enum dynmon_session_fit {
    DYNMON_SESSION_FRAGMENT = 0, /* a later one, of any protocol: only if it was asked for */
    DYNMON_SESSION_MALFORMED = 1,
    DYNMON_SESSION_NOT_IP = 2,
    DYNMON_SESSION_OTHER_PROTOCOL = 3, /* than TCP, UDP, ICMP */
    DYNMON_SESSION_TUNNEL = 4,         /* other than those in UDP */
    DYNMON_SESSION_FIT = 0x7fffffff,
};

#define DYNMON_SESSION_UNFIT                                                                       \
    __u64 fragment;                                                                                \
    __u64 malformed;                                                                               \
    __u64 not_ip;                                                                                  \
    __u64 other_protocol;                                                                          \
    __u64 tunnel;

/* The number of a counter in a struct of them. */
#define DYNMON_COUNTER(type, field) (__builtin_offsetof(type, field) / sizeof(__u64))

/* `map`: a PERCPU_ARRAY whose only value is a struct of __u64. */
static __always_inline void dynmon_count_many(void* map, __u32 counter, __u64 amount) {
    const __u32 only = 0;
    __u64* counters = bpf_map_lookup_elem(map, &only);

    if (counters)
        counters[counter] += amount;
}

static __always_inline void dynmon_count(void* map, __u32 counter) {
    dynmon_count_many(map, counter, 1);
}

/* Those of the packet that are on the wire, whatever dynmon_parse() said of it. */
static __always_inline void dynmon_count_packets(void* map, __u32 counter,
                                                 const struct dynmon_headers* headers) {
    dynmon_count_many(map, counter, headers->segments);
}

static __always_inline bool dynmon_is_icmp(const struct dynmon_headers* headers) {
    return headers->protocol == IPPROTO_ICMP || headers->protocol == IPPROTO_ICMPV6;
}

/* Bytes behind the IP header and its extensions. */
static __always_inline __u32 dynmon_l4_bytes(const struct dynmon_headers* headers) {
    return headers->ip_bytes - (headers->l4_offset - headers->l3_offset);
}

/* Bytes behind the L4 header, none if it is cut off; of a later fragment all behind the IP header.
 */
static __always_inline __u32 dynmon_payload(const struct dynmon_headers* headers) {
    const __u32 left = dynmon_l4_bytes(headers);

    if (headers->l4_header > left || (!headers->l4_header && dynmon_has_ports(headers->protocol) &&
                                      headers->fragment != DYNMON_FRAGMENT_LATER))
        return 0;
    return left - headers->l4_header;
}

/* A first fragment may end within the L4 header, but not before the ninth byte of it: fragments are
 * cut at multiples of 8. */
static __always_inline bool dynmon_has_whole_l4(const struct dynmon_headers* headers) {
    const __u32 left = dynmon_l4_bytes(headers);

    if (headers->fragment == DYNMON_FRAGMENT_FIRST)
        return left >= 8;
    if (headers->protocol == IPPROTO_TCP && headers->l4_header < sizeof(struct tcphdr))
        return false;
    return headers->l4_header && headers->l4_header <= left;
}

/* Each way through the parser knows more or less of how long an XDP frame is, and the verifier
 * would walk what follows once for each: pointers of which it knows nothing are one way. */
static __always_inline void dynmon_renew(struct dynmon_packet* pkt) {
    if (pkt->hook != DYNMON_HOOK_XDP)
        return;
    /* The compiler would add to the context's address first, which the verifier refuses. */
    asm volatile("%[data] = *(u32 *)(%[ctx] + %[at])\n"
                 "%[end] = *(u32 *)(%[ctx] + %[end_at])"
                 : [data] "=&r"(pkt->data), [end] "=r"(pkt->data_end)
                 : [ctx] "r"(pkt->ctx), [at] "i"(__builtin_offsetof(struct xdp_md, data)),
                   [end_at] "i"(__builtin_offsetof(struct xdp_md, data_end)));
}

/* Reads the packet; DYNMON_SESSION_FIT and DYNMON_SESSION_FRAGMENT: `headers` is filled. */
static __always_inline enum dynmon_session_fit
dynmon_session_packet(struct dynmon_packet* pkt, struct dynmon_headers* headers) {
    const enum dynmon_parsed parsed = dynmon_parse(pkt, headers);

    if (parsed != DYNMON_IP)
        return parsed == DYNMON_NOT_IP ? DYNMON_SESSION_NOT_IP : DYNMON_SESSION_MALFORMED;
    dynmon_renew(pkt);
    if (headers->fragment == DYNMON_FRAGMENT_LATER)
        return DYNMON_SESSION_FRAGMENT;
    if (headers->protocol != IPPROTO_TCP && headers->protocol != IPPROTO_UDP &&
        !dynmon_is_icmp(headers))
        return dynmon_tunnel(headers) ? DYNMON_SESSION_TUNNEL : DYNMON_SESSION_OTHER_PROTOCOL;
    return dynmon_has_whole_l4(headers) ? DYNMON_SESSION_FIT : DYNMON_SESSION_MALFORMED;
}

static __always_inline __u64 dynmon_ip_half(const dynmon_ip_t* ip, __u32 half) {
    const __be32* words = (const __be32*)ip->bytes + 2 * half;

    return (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
}

static __always_inline bool dynmon_is_reverse(const struct dynmon_headers* headers) {
#pragma unroll
    for (__u32 half = 0; half < 2; half++) {
        const __u64 source = dynmon_ip_half(&headers->saddr, half);
        const __u64 destination = dynmon_ip_half(&headers->daddr, half);
        if (source != destination)
            return source > destination;
    }
    return !dynmon_is_icmp(headers) && bpf_ntohs(headers->sport) > bpf_ntohs(headers->dport);
}

/* Fills all of `key`. True: the packet was sent by `daddr` of the key. */
static __always_inline bool dynmon_session_key(struct dynmon_session_key* key,
                                               const struct dynmon_headers* headers) {
    const bool reverse = dynmon_is_reverse(headers);
    const dynmon_port_t dport = dynmon_is_icmp(headers) ? 0 : headers->dport;

    if (reverse) {
        key->saddr = headers->daddr;
        key->daddr = headers->saddr;
    } else {
        key->saddr = headers->saddr;
        key->daddr = headers->daddr;
    }
    key->sport = reverse ? dport : headers->sport;
    key->dport = reverse ? headers->sport : dport;
    key->proto = headers->protocol;
    key->ip_version = headers->ip_version;
    key->vlan = headers->vlan;
    return dynmon_forget(reverse);
}

/* How the server was found; the numbers of the first three are those of the original probe. */
enum dynmon_server_method {
    DYNMON_SERVER_SYN = 1,        /* who gets the SYN or sends the SYN with ACK */
    DYNMON_SERVER_KNOWN_PORT = 2, /* who has a port below 1024; both: the destination */
    DYNMON_SERVER_LOWER_PORT = 3, /* equal ports: the destination */
    DYNMON_SERVER_ECHO = 4,       /* who gets an ICMP echo request or sends the reply */
};

/* What the packet says: the method in the lower byte, and whether it is the source above. */
static __always_inline __u32 dynmon_server_guess(const struct dynmon_headers* headers) {
    const __u16 sport = bpf_ntohs(headers->sport);
    const __u16 dport = dynmon_is_icmp(headers) ? 0 : bpf_ntohs(headers->dport);

    if (headers->tcp_flags & 0x02)
        return (headers->tcp_flags & 0x10) << 4 | DYNMON_SERVER_SYN;
    if (dynmon_is_icmp(headers)) {
        const bool v4 = headers->protocol == IPPROTO_ICMP;
        if (headers->l4_header && headers->icmp_type == (v4 ? 8 : 128))
            return DYNMON_SERVER_ECHO;
        if (headers->l4_header && headers->icmp_type == (v4 ? 0 : 129))
            return 1 << 8 | DYNMON_SERVER_ECHO;
    }
    if (dport < 1024)
        return DYNMON_SERVER_KNOWN_PORT;
    if (sport < 1024)
        return 1 << 8 | DYNMON_SERVER_KNOWN_PORT;
    return (sport < dport) << 8 | DYNMON_SERVER_LOWER_PORT;
}

/* Sets who is the server by this packet, and by which enum dynmon_server_method. */
static __always_inline void dynmon_find_server(const struct dynmon_headers* headers,
                                               dynmon_ip_t* ip, dynmon_port_t* port, __u8* method) {
    const __u32 guess = dynmon_forget(dynmon_server_guess(headers));

    if (guess >> 8) {
        *ip = headers->saddr;
        *port = headers->sport;
    } else {
        *ip = headers->daddr;
        *port = dynmon_is_icmp(headers) ? 0 : headers->dport;
    }
    *method = guess;
}

#endif
