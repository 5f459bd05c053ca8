/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What dynmon_parse() (packet.h) makes of a packet, and what its readers share. */
#ifndef DYNMON_HEADERS_H
#define DYNMON_HEADERS_H

#include "frame.h"

/* Macros of <linux/in.h> and <linux/in6.h>. */
#ifndef IPPROTO_HOPOPTS
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_ICMPV6 58
#define IPPROTO_DSTOPTS 60
#define IPPROTO_MH 135
#endif
#ifndef IPPROTO_HIP
#define IPPROTO_HIP 139
#define IPPROTO_SHIM6 140
#endif

/* Bits of `tcp_flags`. */
#define DYNMON_TCP_FIN 0x01
#define DYNMON_TCP_SYN 0x02
#define DYNMON_TCP_RST 0x04
#define DYNMON_TCP_ACK 0x10

/* `icmp_type` and `icmp_code` where they are not in the packet: a later fragment, or fewer than 8
 * bytes of ICMP. Type 255 is reserved by IANA, so that no packet means it; `dport` is 0xffff. */
#define DYNMON_ICMP_UNKNOWN 255

#define DYNMON_SCTP_HEADER 12

enum dynmon_parsed {
    DYNMON_IP = 0,        /* IPv4 or IPv6: every field below is set */
    DYNMON_NOT_IP = 1,    /* ARP, LLDP, …: only the link layer's fields and `segments` are set */
    DYNMON_MALFORMED = 2, /* announces more than there is, or what cannot be; `segments` is set */
};

enum dynmon_fragment {
    DYNMON_FRAGMENT_NONE = 0,
    DYNMON_FRAGMENT_FIRST = 1, /* its L4 header may be cut off by its end */
    DYNMON_FRAGMENT_LATER = 2, /* has no L4 header: sport and dport are 0 */
};

struct dynmon_headers {
    dynmon_ip_t saddr;
    dynmon_ip_t daddr;
    dynmon_port_t sport; /* TCP, UDP, UDP-Lite, SCTP, DCCP; otherwise 0 */
    dynmon_port_t dport; /* ICMP: type * 256 + code, as NetFlow has it; 0xffff: unknown */
    __be16 ethertype;    /* behind the VLAN tags */
    __u16 vlan;          /* identifier of the outermost tag that is not 0; 0: none */
    __u16 vlan_inner;    /* identifier of the tag behind it */
    __u16 l3_offset;     /* of the IP header in the frame */
    __u16 l4_offset;     /* behind the IP header, its options and extensions */
    __u16 l4_header;     /* bytes of the L4 header, where it has ports or is ICMP; 0: cut off */
    __u32 ip_bytes;      /* of the IP packet or super-packet, without Ethernet padding */
    __u32 segments;      /* packets on the wire that it stands for */
    __u8 ip_version;     /* 4 or 6 */
    dynmon_proto_t protocol;
    __u8 tos; /* IPv4 type of service or IPv6 traffic class */
    __u8 ttl; /* or hop limit */
    dynmon_tcp_flags_t tcp_flags;
    __u8 fragment;  /* enum dynmon_fragment */
    __u8 icmp_type; /* DYNMON_ICMP_UNKNOWN, both: a later fragment, or cut off */
    __u8 icmp_code;
    __u16 repeated; /* of a super-packet: bytes from the IP header on that each segment has */
    __u16 absent;   /* of a super-packet: bytes of headers that are not on the wire */
    dynmon_tcp_control_t tcp_control; /* tcp_flags with the ninth: 0x100 is AE, once NS */
    __u16 padding;
} __attribute__((aligned(8))); /* so that addresses are copied in halves */

/* Bytes of the packet on the wire, where a super-packet is many with a header each. */
static __always_inline __u64 dynmon_wire_bytes(const struct dynmon_packet* pkt,
                                               const struct dynmon_headers* headers) {
    if (dynmon_likely(headers->segments == 1))
        return headers->ip_bytes;
    return headers->ip_bytes - headers->absent + (__u64)(headers->segments - 1) * headers->repeated;
}

/* 1 or 0, without a branch as dynmon_is_not_0(). Both are below 2^63. */
static __always_inline __u32 dynmon_is(__u64 value, __u64 other) {
    value ^= other;
    barrier_var(value);
    value -= 1;
    barrier_var(value);
    return value >> 63;
}

/* The extension headers of IPv6 that have a next header, and are walked: those of IANA's list but
 * ESP, which hides it, and two for experiments. 1 or 0, without a branch. */
static __always_inline __u32 dynmon_is_extension(__u32 protocol) {
    const __u64 below_64 = 1ULL << IPPROTO_HOPOPTS | 1ULL << IPPROTO_ROUTING |
                           1ULL << IPPROTO_FRAGMENT | 1ULL << IPPROTO_AH | 1ULL << IPPROTO_DSTOPTS;
    const __u64 from_128 =
        1ULL << (IPPROTO_MH - 128) | 1ULL << (IPPROTO_HIP - 128) | 1ULL << (IPPROTO_SHIM6 - 128);

    return (below_64 >> (protocol & 63) & dynmon_is(protocol >> 6, 0)) |
           (from_128 >> (protocol & 63) & dynmon_is(protocol >> 6, 2));
}

/* Bytes of one whose second byte is `length`. That of a fragment header is reserved. */
static __always_inline __u32 dynmon_extension_size(__u32 protocol, __u8 length) {
    const __u32 ah = dynmon_is(protocol, IPPROTO_AH);
    const __u32 counted = 1 - dynmon_is(protocol, IPPROTO_FRAGMENT);

    return 8 + counted * length * (8 - 4 * ah);
}

/* A hop-by-hop header that holds nothing but the jumbo payload option (RFC 2675): 1, otherwise 0.
 */
static __always_inline __u32 dynmon_is_jumbo(const __u8* header) {
    return dynmon_is((__u32)header[1] << 16 | header[2] << 8 | header[3], 0xc204);
}

static __always_inline bool dynmon_has_ports(dynmon_proto_t protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
           protocol == IPPROTO_UDPLITE || protocol == IPPROTO_DCCP;
}

static __always_inline bool dynmon_is_icmp_protocol(dynmon_proto_t protocol) {
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

#endif
