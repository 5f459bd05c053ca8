/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The short way to the headers of what most packets are, for a probe that few nanoseconds matter
 * to.
 *
 *     static __always_inline void count(const struct dynmon_headers* headers) …
 *
 *     struct dynmon_headers headers;
 *     if (dynmon_parse_plain(pkt, &headers))
 *         count(&headers);
 *     else
 *         count_any(pkt); // dynmon_parse() with headers of its own, then count()
 *
 * What follows stands in the program twice then, which keeps its short version short: where both
 * ways meet again, most of what was gained is lost.
 */
#ifndef DYNMON_PLAIN_H
#define DYNMON_PLAIN_H

#include "packet.h"

/* Only for TCP: in a super-packet of UDP there may be a tunnel. */
static __always_inline void dynmon_plain_super_packet(const struct dynmon_packet* pkt,
                                                      struct dynmon_headers* headers) {
    const __u32 payload = headers->l4_offset + headers->l4_header;

    headers->repeated = payload - headers->l3_offset;
    headers->segments = dynmon_segments(pkt, dynmon_segment_size(pkt, headers->repeated), payload);
}

/* The rest of it, at `l4`: TCP or UDP, `left` bytes of it. */
static __always_inline bool dynmon_plain_l4(const struct dynmon_packet* pkt, const void* l4,
                                            __u32 left, struct dynmon_headers* headers) {
    const struct udphdr* start = l4; /* TCP begins with the same ports */
    const __u8* bytes = l4;

    if (dynmon_likely(headers->protocol == IPPROTO_TCP) && left >= sizeof(struct tcphdr)) {
        headers->l4_header = (bytes[12] >> 4) * 4;
        headers->tcp_flags = bytes[13];
        headers->tcp_control = (bytes[12] & 1) << 8 | bytes[13];
    } else if (headers->protocol == IPPROTO_UDP && left >= sizeof(*start) && !pkt->gso_size) {
        headers->l4_header = sizeof(*start);
    } else {
        return false;
    }
    headers->sport = start->source;
    headers->dport = start->dest;
    if (!dynmon_likely(!pkt->vlan_offloaded))
        dynmon_set_vlan(headers, pkt->vlan_tci);
    headers->segments = 1;
    if (!dynmon_likely(!pkt->gso_size))
        dynmon_plain_super_packet(pkt, headers);
    return true;
}

/* Without options, no fragment. */
static __always_inline bool dynmon_plain_ipv4(const struct dynmon_packet* pkt,
                                              struct dynmon_headers* headers) {
    const struct iphdr* ip = pkt->data + sizeof(struct ethhdr);
    const __u32 length = bpf_ntohs(ip->tot_len);

    if (*(const __u8*)ip != 0x45 || ip->frag_off & bpf_htons(0x3fff) || length < sizeof(*ip) ||
        length > pkt->len - sizeof(struct ethhdr))
        return false;
    dynmon_map_ipv4(&headers->saddr, ip->saddr);
    dynmon_map_ipv4(&headers->daddr, ip->daddr);
    headers->ip_bytes = length;
    headers->l4_offset = sizeof(struct ethhdr) + sizeof(*ip);
    headers->ip_version = 4;
    headers->protocol = ip->protocol;
    headers->tos = ip->tos;
    headers->ttl = ip->ttl;
    return dynmon_plain_l4(pkt, ip + 1, length - sizeof(*ip), headers);
}

static __always_inline bool dynmon_plain_ipv6(const struct dynmon_packet* pkt,
                                              struct dynmon_headers* headers) {
    const struct ipv6hdr* ip = pkt->data + sizeof(struct ethhdr);
    const __u32 length = bpf_ntohs(ip->payload_len);

    if (ip->version != 6 || length + sizeof(*ip) > pkt->len - sizeof(struct ethhdr))
        return false;
    __builtin_memcpy(&headers->saddr, &ip->saddr, sizeof(headers->saddr));
    __builtin_memcpy(&headers->daddr, &ip->daddr, sizeof(headers->daddr));
    headers->ip_bytes = length + sizeof(*ip);
    headers->l4_offset = sizeof(struct ethhdr) + sizeof(*ip);
    headers->ip_version = 6;
    headers->protocol = ip->nexthdr;
    headers->tos = ip->priority << 4 | ip->flow_lbl[0] >> 4;
    headers->ttl = ip->hop_limit;
    return dynmon_plain_l4(pkt, ip + 1, length, headers);
}

/* What most packets are: Ethernet without VLAN tags in the bytes, IPv4 without options or fragments
 * or IPv6 without extensions, TCP or UDP, all headers within reach. Every offset is a constant.
 * False: it is something else, which dynmon_parse() knows, and `headers` is of no use. */
static __always_inline bool dynmon_parse_plain(const struct dynmon_packet* pkt,
                                               struct dynmon_headers* headers) {
    const struct ethhdr* link = pkt->data;
    const void* ip = link + 1;

    __builtin_memset(headers, 0, sizeof(*headers));
    if (dynmon_link != DYNMON_LINK_ETHERNET ||
        ip + sizeof(struct iphdr) + sizeof(struct tcphdr) > pkt->data_end)
        return false;
    headers->ethertype = link->h_proto;
    headers->l3_offset = sizeof(*link);
    if (dynmon_likely(link->h_proto == bpf_htons(ETH_P_IP)))
        return dynmon_plain_ipv4(pkt, headers);
    if (link->h_proto == bpf_htons(ETH_P_IPV6) &&
        ip + sizeof(struct ipv6hdr) + sizeof(struct tcphdr) <= pkt->data_end)
        return dynmon_plain_ipv6(pkt, headers);
    return false;
}

#endif
