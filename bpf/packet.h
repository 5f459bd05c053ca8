/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
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

#include "dynmon.h"
#include "headers.h"
#include "link.h"
#include "super_packet.h"

#define DYNMON_IPV6_EXTENSIONS 6

static __always_inline void dynmon_map_ipv4(dynmon_ip_t* into, __be32 address) {
    const __u64 halves[] = {0, (__u64)address << 32 | 0xffff0000};

    __builtin_memcpy(into, halves, sizeof(*into));
}

/* Only a super-packet may say 0 and mean all that is left: that its length does not fit. XDP has no
 * gso_size: there a frame is one that is longer than any length that fits. */
static __always_inline bool dynmon_may_say_0(const struct dynmon_packet* pkt,
                                             const struct dynmon_headers* headers) {
    return pkt->gso_size || pkt->len - headers->l3_offset > 0xffff;
}

/* What the IP header says of the length against what the frame holds. */
static __always_inline bool dynmon_set_ip_bytes(const struct dynmon_packet* pkt,
                                                struct dynmon_headers* headers, __u64 announced) {
    headers->ip_bytes = announced;
    return announced <= pkt->len - headers->l3_offset;
}

static __always_inline bool dynmon_parse_ipv4(const struct dynmon_packet* pkt,
                                              struct dynmon_headers* headers) {
    struct iphdr ip;
    __u32 header;
    __u32 length;
    __u16 fragment;

    if (!dynmon_load(pkt, headers->l3_offset, &ip))
        return false;
    header = ip.ihl * 4;
    length = bpf_ntohs(ip.tot_len);
    if (!dynmon_likely(length) && dynmon_may_say_0(pkt, headers))
        length = pkt->len - headers->l3_offset;
    if (ip.version != 4 || header < sizeof(ip) || length < header ||
        !dynmon_set_ip_bytes(pkt, headers, length))
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

/* Walks the extension headers from l4_offset on and moves it behind them; false: cut off. */
static __always_inline bool dynmon_parse_extensions(const struct dynmon_packet* pkt,
                                                    struct dynmon_headers* headers) {
    struct frag_hdr extension; /* the others start with the same two bytes and are as long */
    __u32 protocol = headers->protocol;
    __u32 at = headers->l4_offset;
    __u32 fragment = DYNMON_FRAGMENT_NONE;

#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < DYNMON_IPV6_EXTENSIONS; i++) {
        const __u32 state = dynmon_forget(at << 16 | fragment << 8 | protocol);
        at = state >> 16;
        fragment = state >> 8 & 0xff;
        protocol = state & 0xff;
        if (!dynmon_is_extension(protocol))
            break;
        if (!dynmon_load_rare(pkt, at, &extension))
            return false;
        at += dynmon_extension_size(protocol, extension.reserved);
        if (protocol != IPPROTO_FRAGMENT) {
            /* the next header follows */
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

/* The length of an IPv6 packet whose header says that nothing follows: of a super-packet, of a
 * jumbogram, which has at least 65,536 bytes (RFC 2675), or of a packet without payload. */
static __always_inline __u64 dynmon_ipv6_length_0(const struct dynmon_packet* pkt,
                                                  const struct dynmon_headers* headers, __u8 next) {
    const __u32 rest = pkt->len - headers->l3_offset;
    struct {
        __u8 start[4];
        __be32 length;
    } option;

    if (pkt->gso_size)
        return rest;
    if (next == IPPROTO_HOPOPTS &&
        dynmon_load_rare(pkt, headers->l3_offset + sizeof(struct ipv6hdr), &option) &&
        dynmon_is_jumbo(option.start)) {
        const __u64 length = bpf_ntohl(option.length);
        return length > 0xffff ? sizeof(struct ipv6hdr) + length : -1; /* longer than any */
    }
    return dynmon_may_say_0(pkt, headers) ? rest : sizeof(struct ipv6hdr);
}

static __always_inline bool dynmon_parse_ipv6(const struct dynmon_packet* pkt,
                                              struct dynmon_headers* headers) {
    struct ipv6hdr ip;
    __u64 length;

    if (!dynmon_load(pkt, headers->l3_offset, &ip))
        return false;
    length = bpf_ntohs(ip.payload_len) + sizeof(ip);
    if (!dynmon_likely(ip.payload_len))
        length = dynmon_ipv6_length_0(pkt, headers, ip.nexthdr);
    if (ip.version != 6 || !dynmon_set_ip_bytes(pkt, headers, length))
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

/* TCP says the length of its header at byte 12 and its flags behind it, DCCP at byte 4. */
static __always_inline void dynmon_parse_l4_length(const struct dynmon_packet* pkt,
                                                   struct dynmon_headers* headers, __u32 at,
                                                   __u32 left) {
    const bool tcp = headers->protocol == IPPROTO_TCP;
    struct {
        __u8 length;
        __u8 flags;
    } said;

    if (left < (tcp ? 14 : 6) || !dynmon_load(pkt, at + (tcp ? 12 : 4), &said))
        return;
    if (tcp) {
        headers->tcp_flags = said.flags;
        headers->tcp_control = (said.length & 1) << 8 | said.flags;
    }
    if (left >= (tcp ? sizeof(struct tcphdr) : 12))
        headers->l4_header = tcp ? (said.length >> 4) * 4 : said.length * 4;
}

static __always_inline void dynmon_parse_ports(const struct dynmon_packet* pkt,
                                               struct dynmon_headers* headers, __u32 at,
                                               __u32 left) {
    const dynmon_proto_t protocol = headers->protocol;
    const __u32 size = protocol == IPPROTO_SCTP ? DYNMON_SCTP_HEADER : sizeof(struct udphdr);

    if (protocol == IPPROTO_TCP || protocol == IPPROTO_DCCP)
        dynmon_parse_l4_length(pkt, headers, at, left);
    else if (left >= size)
        headers->l4_header = size;
}

/* What is cut off stays 0, but ICMP, where 0 is an echo reply, DYNMON_ICMP_UNKNOWN: the packet is
 * still an IP packet. Ports are the first 4 bytes, whatever is cut off behind them. */
static __always_inline void dynmon_parse_l4(const struct dynmon_packet* pkt,
                                            struct dynmon_headers* headers) {
    const __u32 at = dynmon_forget(headers->l4_offset);
    const __u32 left = headers->l3_offset + headers->ip_bytes - at;
    const bool icmp = dynmon_is_icmp_protocol(headers->protocol);
    struct {
        __be16 source;
        __be16 destination;
    } start;

    if (icmp) {
        headers->icmp_type = headers->icmp_code = DYNMON_ICMP_UNKNOWN;
        headers->dport = 0xffff;
    }
    if (headers->fragment == DYNMON_FRAGMENT_LATER ||
        left < (icmp ? sizeof(struct icmphdr) : sizeof(start)) || !dynmon_load(pkt, at, &start))
        return;
    if (icmp) {
        headers->icmp_type = bpf_ntohs(start.source) >> 8;
        headers->icmp_code = bpf_ntohs(start.source) & 0xff;
        headers->dport = start.source;
        headers->l4_header = sizeof(struct icmphdr);
    } else if (dynmon_has_ports(headers->protocol)) {
        headers->sport = start.source;
        headers->dport = start.destination;
        dynmon_parse_ports(pkt, headers, at, left);
    }
}

/* Each way through the parser knows more or less of how long a frame is, and the verifier would
 * walk what follows once for each: pointers of which it knows nothing are one way. */
static __always_inline void dynmon_renew(struct dynmon_packet* pkt) {
    /* The compiler would add to the context's address first, which the verifier refuses. */
#define DYNMON_RENEW(context)                                                                      \
    asm volatile("%[data] = *(u32 *)(%[ctx] + %[at])\n"                                            \
                 "%[end] = *(u32 *)(%[ctx] + %[end_at])"                                           \
                 : [data] "=&r"(pkt->data), [end] "=r"(pkt->data_end)                              \
                 : [ctx] "r"(pkt->ctx), [at] "i"(__builtin_offsetof(context, data)),               \
                   [end_at] "i"(__builtin_offsetof(context, data_end)))
    if (pkt->hook == DYNMON_HOOK_TC)
        DYNMON_RENEW(struct __sk_buff);
    else
        DYNMON_RENEW(struct xdp_md);
#undef DYNMON_RENEW
}

/* What was learnt of the packet by its length and its headers, before it is parsed. */
static __always_inline void dynmon_forget_packet(struct dynmon_packet* pkt) {
    const __u64 unknown = dynmon_meter_on;

    pkt->len = dynmon_blur(pkt->len, unknown);
    pkt->segments = dynmon_blur(pkt->segments, unknown);
    pkt->gso_segs = dynmon_blur(pkt->gso_segs, unknown);
    pkt->gso_size = dynmon_blur(pkt->gso_size, unknown);
}

/* Reads the packet as far as it is known here; `headers` is filled as enum dynmon_parsed says. */
static __always_inline enum dynmon_parsed dynmon_parse(const struct dynmon_packet* packet,
                                                       struct dynmon_headers* headers) {
    struct dynmon_packet copy = *packet; /* for the verifier to forget things about */
    struct dynmon_packet* pkt = &copy;
    const struct dynmon_begin begin = dynmon_begin(pkt);
    __u32 super_packet = 0;

    if (!dynmon_likely(!pkt->gso_size)) {
        dynmon_forget_packet(pkt);
        super_packet = dynmon_find_payload(pkt, &begin);
    }
    super_packet = dynmon_forget(super_packet);
    dynmon_forget_packet(pkt);
    __builtin_memset(headers, 0, sizeof(*headers));
    headers->segments = pkt->segments;
    if (!dynmon_parse_link(pkt, &begin, headers))
        return DYNMON_MALFORMED;
    dynmon_renew(pkt);
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
    if (!dynmon_likely(!pkt->gso_size))
        dynmon_set_super_packet(pkt, headers, super_packet);
    return DYNMON_IP;
}

#endif
