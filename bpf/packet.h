/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Bounded reading of a packet: Ethernet, VLAN, IPv4, IPv6, TCP, UDP, ICMP.
 *
 *     struct dynmon_headers headers;
 *     if (dynmon_parse(pkt, &headers) != DYNMON_IP)
 *         return DYNMON_PASS;
 *     if (headers.protocol == IPPROTO_UDP && headers.dport == bpf_htons(53)) …
 *
 * Headers are copied to the stack, never pointed to: so they may lie in the part of a socket buffer
 * that cannot be read directly, and `pkt->data` stays valid. No loop helper: verifies on 5.10.
 */
#ifndef DYNMON_PACKET_H
#define DYNMON_PACKET_H

#include "cursor.h"
#include "dynmon.h"

/* Macros of <linux/in6.h>. */
#ifndef IPPROTO_HOPOPTS
#define IPPROTO_HOPOPTS 0
#define IPPROTO_ROUTING 43
#define IPPROTO_FRAGMENT 44
#define IPPROTO_ICMPV6 58
#define IPPROTO_DSTOPTS 60
#endif

/* Of `tcp_flags`. */
#define DYNMON_TCP_FIN 0x01
#define DYNMON_TCP_SYN 0x02
#define DYNMON_TCP_RST 0x04

/* `icmp_type` and `icmp_code` where they are not in the packet: a later fragment, or fewer than 8
 * bytes of ICMP. Type 255 is reserved by IANA, so that no packet means it; `dport` is 0xffff. */
#define DYNMON_ICMP_UNKNOWN 255

#define DYNMON_VLAN_TAGS 2
#define DYNMON_IPV6_EXTENSIONS 6

enum dynmon_parsed {
    DYNMON_IP = 0,        /* IPv4 or IPv6: every field below is set */
    DYNMON_NOT_IP = 1,    /* ARP, LLDP, …: only the link layer's fields are set */
    DYNMON_MALFORMED = 2, /* announces more than there is, or what cannot be */
};

enum dynmon_fragment {
    DYNMON_FRAGMENT_NONE = 0,
    DYNMON_FRAGMENT_FIRST = 1,
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
    __u16 l4_header;     /* bytes of the TCP, UDP or ICMP header; 0: absent or cut off */
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
} __attribute__((aligned(8))); /* so that addresses are copied in halves */

/* Bytes of the packet on the wire, where a super-packet is many with a header each. */
static __always_inline __u64 dynmon_wire_bytes(const struct dynmon_packet* pkt,
                                               const struct dynmon_headers* headers) {
    const __u32 repeated = headers->l4_offset - headers->l3_offset + headers->l4_header;

    if (dynmon_likely(headers->segments == 1))
        return headers->ip_bytes;
    return headers->ip_bytes + (__u64)(headers->segments - 1) * repeated;
}

static __always_inline bool dynmon_is_vlan(__be16 ethertype) {
    return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

/* 802.1p priority tags have identifier 0: they say nothing about a VLAN. */
static __always_inline void dynmon_set_vlan(struct dynmon_headers* headers, __u16 tci) {
    const __u16 id = tci & 0xfff;

    if (!headers->vlan)
        headers->vlan = id;
    else if (!headers->vlan_inner)
        headers->vlan_inner = id;
}

/* Link layer: sets ethertype, VLANs and l3_offset. */
static __always_inline bool dynmon_parse_link(const struct dynmon_packet* pkt,
                                              struct dynmon_headers* headers) {
    struct vlan_hdr tag;
    __u32 at = sizeof(struct ethhdr);

    if (pkt->vlan_offloaded)
        dynmon_set_vlan(headers, pkt->vlan_tci);
    if (dynmon_link == DYNMON_LINK_RAW_IP) {
        __u8 version;
        if (!dynmon_load(pkt, 0, &version))
            return false;
        headers->ethertype = bpf_htons(version >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
        return true;
    }
    if (!dynmon_load(pkt, dynmon_forget(__builtin_offsetof(struct ethhdr, h_proto)),
                     &headers->ethertype))
        return false;
#pragma unroll
    for (int i = 0; i < DYNMON_VLAN_TAGS; i++) {
        if (!dynmon_is_vlan(headers->ethertype))
            break;
        if (!dynmon_load_rare(pkt, at, &tag))
            return false;
        dynmon_set_vlan(headers, bpf_ntohs(tag.h_vlan_TCI));
        headers->ethertype = tag.h_vlan_encapsulated_proto;
        at += sizeof(tag);
    }
    headers->l3_offset = dynmon_forget(at);
    return true;
}

static __always_inline void dynmon_map_ipv4(dynmon_ip_t* into, __be32 address) {
    const __u64 halves[] = {0, (__u64)address << 32 | 0xffff0000};

    __builtin_memcpy(into, halves, sizeof(*into));
}

/* What the IP header says of the length against what the frame holds. Beyond 64 KiB ("BIG TCP") the
 * header says 0. */
static __always_inline bool dynmon_set_ip_bytes(const struct dynmon_packet* pkt,
                                                struct dynmon_headers* headers, __u32 announced) {
    const __u32 present = pkt->len - headers->l3_offset;

    if (announced > present)
        return false;
    headers->ip_bytes = announced ? announced : present;
    return true;
}

static __always_inline bool dynmon_parse_ipv4(const struct dynmon_packet* pkt,
                                              struct dynmon_headers* headers) {
    struct iphdr ip;
    __u32 header;
    __u16 fragment;

    if (!dynmon_load(pkt, headers->l3_offset, &ip))
        return false;
    header = ip.ihl * 4;
    if (ip.version != 4 || header < sizeof(ip) ||
        !dynmon_set_ip_bytes(pkt, headers, bpf_ntohs(ip.tot_len)) || headers->ip_bytes < header)
        return false;
    dynmon_map_ipv4(&headers->saddr, ip.saddr);
    dynmon_map_ipv4(&headers->daddr, ip.daddr);
    headers->ip_version = 4;
    headers->protocol = ip.protocol;
    headers->tos = ip.tos;
    headers->ttl = ip.ttl;
    headers->l4_offset = headers->l3_offset + header;
    fragment = bpf_ntohs(ip.frag_off);
    if (fragment & 0x1fff)
        headers->fragment = DYNMON_FRAGMENT_LATER;
    else if (fragment & 0x2000)
        headers->fragment = DYNMON_FRAGMENT_FIRST;
    return true;
}

static __always_inline bool dynmon_is_extension(dynmon_proto_t protocol) {
    return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
           protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

/* Walks the extension headers from l4_offset on and moves it behind them; false: cut off. */
static __always_inline bool dynmon_parse_extensions(const struct dynmon_packet* pkt,
                                                    struct dynmon_headers* headers) {
    struct frag_hdr extension; /* the others start with the same two bytes and are as long */
    __u32 protocol = headers->protocol;
    __u32 at = headers->l4_offset;
    __u32 fragment = DYNMON_FRAGMENT_NONE;

#pragma clang loop unroll(disable)
    for (int i = 0; i < DYNMON_IPV6_EXTENSIONS; i++) {
        const __u32 state = dynmon_forget(at << 16 | fragment << 8 | protocol);
        at = state >> 16;
        fragment = state >> 8 & 0xff;
        protocol = state & 0xff;
        if (!dynmon_is_extension(protocol))
            break;
        if (!dynmon_load_rare(pkt, at, &extension))
            return false;
        at += sizeof(extension);
        if (protocol != IPPROTO_FRAGMENT) {
            at += extension.reserved * 8;
        } else if (extension.frag_off & bpf_htons(0xfff8)) {
            fragment = DYNMON_FRAGMENT_LATER;
            protocol = extension.nexthdr;
            break; /* payload follows */
        } else {
            /* Without the bit an atomic fragment, whole in itself (RFC 6946). */
            fragment |= bpf_ntohs(extension.frag_off) & DYNMON_FRAGMENT_FIRST;
        }
        protocol = extension.nexthdr;
    }
    headers->l4_offset = at;
    headers->protocol = protocol;
    headers->fragment = fragment;
    return true;
}

static __always_inline bool dynmon_parse_ipv6(const struct dynmon_packet* pkt,
                                              struct dynmon_headers* headers) {
    struct ipv6hdr ip;
    __u32 payload;

    if (!dynmon_load(pkt, headers->l3_offset, &ip))
        return false;
    payload = bpf_ntohs(ip.payload_len);
    if (ip.version != 6 || !dynmon_set_ip_bytes(pkt, headers, payload ? payload + sizeof(ip) : 0))
        return false;
    __builtin_memcpy(&headers->saddr, &ip.saddr, sizeof(headers->saddr));
    __builtin_memcpy(&headers->daddr, &ip.daddr, sizeof(headers->daddr));
    headers->ip_version = 6;
    headers->protocol = ip.nexthdr;
    headers->tos = ip.priority << 4 | ip.flow_lbl[0] >> 4;
    headers->ttl = ip.hop_limit;
    headers->l4_offset = headers->l3_offset + sizeof(ip);
    if (dynmon_is_extension(ip.nexthdr) && !dynmon_parse_extensions(pkt, headers))
        return false;
    return headers->l4_offset - headers->l3_offset <= headers->ip_bytes;
}

static __always_inline bool dynmon_has_ports(dynmon_proto_t protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
           protocol == IPPROTO_UDPLITE || protocol == IPPROTO_DCCP;
}

static __always_inline bool dynmon_is_icmp_protocol(dynmon_proto_t protocol) {
    return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* A header that is cut off leaves everything at 0, but ICMP, where 0 is an echo reply, at
 * DYNMON_ICMP_UNKNOWN: the packet is still an IP packet. */
static __always_inline void dynmon_parse_l4(const struct dynmon_packet* pkt,
                                            struct dynmon_headers* headers) {
    const __u32 at = dynmon_forget(headers->l4_offset);
    const __u32 left = headers->l3_offset + headers->ip_bytes - at;
    struct udphdr start; /* the first 8 bytes of any of them */

    if (dynmon_is_icmp_protocol(headers->protocol)) {
        headers->icmp_type = headers->icmp_code = DYNMON_ICMP_UNKNOWN;
        headers->dport = 0xffff;
    }
    if (headers->fragment == DYNMON_FRAGMENT_LATER || left < sizeof(start) ||
        !dynmon_load(pkt, at, &start))
        return;
    if (headers->protocol == IPPROTO_TCP) {
        struct {
            __u8 length;
            __u8 flags;
        } tcp;
        if (left < sizeof(struct tcphdr) || !dynmon_load(pkt, at + 12, &tcp))
            return;
        headers->tcp_flags = tcp.flags;
        headers->l4_header = (tcp.length >> 4) * 4;
    } else {
        headers->l4_header = sizeof(start);
    }
    if (dynmon_has_ports(headers->protocol)) {
        headers->sport = start.source;
        headers->dport = start.dest;
    } else if (dynmon_is_icmp_protocol(headers->protocol)) {
        headers->icmp_type = bpf_ntohs(start.source) >> 8;
        headers->icmp_code = bpf_ntohs(start.source) & 0xff;
        headers->dport = start.source;
    } else {
        headers->l4_header = 0;
    }
}

/* Reads the packet as far as it is known here; `headers` is filled as enum dynmon_parsed says. */
static __always_inline enum dynmon_parsed dynmon_parse(const struct dynmon_packet* pkt,
                                                       struct dynmon_headers* headers) {
    __builtin_memset(headers, 0, sizeof(*headers));
    if (!dynmon_parse_link(pkt, headers))
        return DYNMON_MALFORMED;
    if (headers->ethertype == bpf_htons(ETH_P_IP)) {
        if (!dynmon_parse_ipv4(pkt, headers))
            return DYNMON_MALFORMED;
    } else if (headers->ethertype == bpf_htons(ETH_P_IPV6)) {
        if (!dynmon_parse_ipv6(pkt, headers))
            return DYNMON_MALFORMED;
    } else {
        return DYNMON_NOT_IP;
    }
    dynmon_parse_l4(pkt, headers);
    headers->segments = dynmon_segments(pkt, headers->l4_offset + headers->l4_header);
    return DYNMON_IP;
}

#endif
