/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a super-packet of GRO or GSO is on the wire: many packets with the headers of each. What
 * they repeat ends at the innermost header of a transport, behind those of tunnels; the hop-by-hop
 * header of IPv6 that says a length beyond 64 KiB is in the super-packet alone. */
#ifndef DYNMON_SUPER_PACKET_H
#define DYNMON_SUPER_PACKET_H

#include "cursor.h"
#include "headers.h"
#include "link.h"

/* Headers that are walked: enough for a tunnel with VLAN tags and IPv6 extensions inside and out.
 */
#define DYNMON_WALK_STEPS 10

/* What is read at a step: the number of a protocol of IP, or one of these. */
enum dynmon_walk_next {
    DYNMON_WALK_ETHERNET = 0x100,
    DYNMON_WALK_IP = 0x101,
    DYNMON_WALK_FOUND = 0x102,   /* the payload of a segment begins here */
    DYNMON_WALK_UNKNOWN = 0x200, /* and whatever it is added to */
};

struct dynmon_walk {
    __u32 next;   /* enum dynmon_walk_next */
    __u32 at;     /* where it begins */
    __u32 known;  /* where the payload begins if nothing more is found; 0: nowhere */
    __u32 absent; /* bytes on the way that are not on the wire */
};

/* The first bytes of a header; every super-packet has more. */
struct dynmon_walk_bytes {
    __u8 at[16];
};

#define DYNMON_WALK_16(bytes, i) ((__u32)(bytes)->at[i] << 8 | (bytes)->at[(i) + 1])

static __always_inline __u32 dynmon_is_ip(__u32 ethertype) {
    return dynmon_is(ethertype, ETH_P_IP) | dynmon_is(ethertype, ETH_P_IPV6);
}

/* A step: so many bytes further begins the next. */
static __always_inline __u32 dynmon_walk_on(__u32 size, __u32 next) {
    return size << 16 | next;
}

/* What a tunnel says is inside: IP, Ethernet or something else. */
static __always_inline __u32 dynmon_walk_inside(__u32 ip, __u32 ethernet) {
    return ip * DYNMON_WALK_IP + ethernet * DYNMON_WALK_ETHERNET +
           (1 - ip - ethernet) * DYNMON_WALK_UNKNOWN;
}

/* Behind a VLAN tag the next type is as far away as behind the addresses. */
static __always_inline __u32 dynmon_walk_ethernet(const struct dynmon_walk_bytes* bytes) {
    const __u32 type = DYNMON_WALK_16(bytes, 12);
    const __u32 tag =
        dynmon_is(type, ETH_P_8021Q) | dynmon_is(type, ETH_P_8021AD) | dynmon_is(type, ETH_P_QINQ1);

    return dynmon_walk_on(tag * sizeof(struct vlan_hdr) + (1 - tag) * sizeof(struct ethhdr),
                          dynmon_walk_inside(dynmon_is_ip(type), tag));
}

/* Inside a super-packet an IP header says all that is left, or 0 beyond 64 KiB. Any other length is
 * that of what a program sent, segment by segment: payload. */
static __always_inline __u32 dynmon_walk_ip(const struct dynmon_walk_bytes* bytes, __u32 left) {
    const __u32 v4 = dynmon_is(bytes->at[0] >> 4, 4);
    const __u32 v6 = 1 - v4;
    const __u32 length = v4 * DYNMON_WALK_16(bytes, 2) + v6 * DYNMON_WALK_16(bytes, 4);
    const __u32 fits = dynmon_is(length, 0) | dynmon_is(length + v6 * sizeof(struct ipv6hdr), left);

    return dynmon_walk_on(v4 * (bytes->at[0] & 0xf) * 4 + v6 * sizeof(struct ipv6hdr),
                          v4 * bytes->at[9] + v6 * bytes->at[6] + (1 - fits) * DYNMON_WALK_UNKNOWN);
}

/* The checksum, the key and the sequence number are there or not, a word each. Only version 0 is
 * known. */
static __always_inline __u32 dynmon_walk_gre(const struct dynmon_walk_bytes* bytes) {
    const __u32 flags = bytes->at[0];
    const __u32 type = DYNMON_WALK_16(bytes, 2);

    return dynmon_walk_on(4 + ((flags >> 7 & 1) + (flags >> 5 & 1) + (flags >> 4 & 1)) * 4,
                          dynmon_walk_inside(dynmon_is_ip(type), dynmon_is(type, ETH_P_TEB)) +
                              (bytes->at[1] & 7) * DYNMON_WALK_UNKNOWN);
}

/* VXLAN and Geneve are known by their headers, on any port: what they carry has to fit to the byte
 * (see dynmon_walk_ip). Otherwise it is a super-packet of UDP itself. */
static __always_inline __u32 dynmon_walk_udp(const struct dynmon_walk_bytes* bytes) {
    const __u32 first = bytes->at[8];
    const __u32 type = DYNMON_WALK_16(bytes, 10);
    const __u32 ip = dynmon_is_ip(type);
    const __u32 ethernet = dynmon_is(type, ETH_P_TEB);
    const __u32 tunnel = dynmon_is(bytes->at[15], 0);
    const __u32 geneve = tunnel & dynmon_is(first >> 6, 0) & (ip | ethernet);
    const __u32 vxlan = tunnel & first >> 3 & (1 - geneve);
    /* VXLAN that says what is inside: 1 and 2 are IP */
    const __u32 vxlan_ip =
        dynmon_is(first, 0x0c) & (dynmon_is(bytes->at[11], 1) | dynmon_is(bytes->at[11], 2));

    return dynmon_walk_on(sizeof(struct udphdr) + vxlan * 8 + geneve * (8 + (first & 0x3f) * 4),
                          geneve * dynmon_walk_inside(ip, ethernet) +
                              vxlan * (DYNMON_WALK_ETHERNET + vxlan_ip) +
                              (1 - geneve - vxlan) * DYNMON_WALK_FOUND);
}

/* Bytes of the transport header in front of a segment's payload; 0: another transport. */
static __always_inline __u32 dynmon_walk_transport(__u32 next,
                                                   const struct dynmon_walk_bytes* bytes) {
    return dynmon_is(next, IPPROTO_TCP) * (bytes->at[12] >> 4) * 4 +
           dynmon_is(next, IPPROTO_SCTP) * DYNMON_SCTP_HEADER +
           dynmon_is(next, IPPROTO_UDPLITE) * sizeof(struct udphdr);
}

/* Every kind of header is read as if it were there, and one is taken: no branch. */
static __always_inline void dynmon_walk_step(struct dynmon_walk* walk,
                                             const struct dynmon_walk_bytes* bytes, __u32 end) {
    const __u32 next = walk->next;
    const __u32 ethernet = dynmon_is(next, DYNMON_WALK_ETHERNET);
    const __u32 ip = dynmon_is(next, DYNMON_WALK_IP) | dynmon_is(next, IPPROTO_IPIP) |
                     dynmon_is(next, IPPROTO_IPV6);
    const __u32 udp = dynmon_is(next, IPPROTO_UDP);
    const __u32 gre = dynmon_is(next, IPPROTO_GRE);
    const __u32 extension = dynmon_is_extension(next);
    const __u32 transport = dynmon_walk_transport(next, bytes);
    const __u32 found = 1 - dynmon_is(transport, 0);
    const __u32 any = ethernet | ip | udp | gre | extension | found;
    const __u32 on =
        ethernet * dynmon_walk_ethernet(bytes) + ip * dynmon_walk_ip(bytes, end - walk->at) +
        udp * dynmon_walk_udp(bytes) + gre * dynmon_walk_gre(bytes) +
        extension * dynmon_walk_on(dynmon_extension_size(next, bytes->at[1]), bytes->at[0]) +
        found * dynmon_walk_on(transport, DYNMON_WALK_FOUND) + (1 - any) * DYNMON_WALK_UNKNOWN;
    const __u32 after = ip * (1 - ((on & 0xffff) / DYNMON_WALK_UNKNOWN & 1)) * (on >> 16) +
                        udp * sizeof(struct udphdr);
    const __u32 keep = dynmon_is(after, 0);

    walk->known = keep * walk->known + (1 - keep) * (walk->at + after);
    walk->absent +=
        dynmon_is(next, IPPROTO_HOPOPTS) * dynmon_is_jumbo(bytes->at) * DYNMON_JUMBO_HEADER;
    walk->at += on >> 16;
    walk->next = on & 0xffff;
}

/* False: `known` is all that is known. One way for the verifier from each step to the next. */
static __always_inline bool dynmon_walk(const struct dynmon_packet* pkt, struct dynmon_walk* walk) {
    struct dynmon_walk_bytes bytes;

#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < DYNMON_WALK_STEPS; i++) {
        const __u32 state = dynmon_forget(walk->at << 16 | walk->next);
        const __u32 found = dynmon_forget(walk->known << 16 | walk->absent);
        walk->at = state >> 16;
        walk->next = state & 0xffff;
        walk->known = found >> 16;
        walk->absent = found & 0xffff;
        if (walk->next >= DYNMON_WALK_FOUND || !dynmon_load_rare(pkt, walk->at, &bytes))
            break;
        dynmon_walk_step(walk, &bytes, pkt->len);
    }
    if (walk->next == DYNMON_WALK_FOUND && walk->at < pkt->len)
        walk->known = walk->at;
    return walk->next == DYNMON_WALK_FOUND;
}

/* What is sent has its size on the wire estimated by the kernel, for each header that it repeats:
 * of more kinds than are known here. Older kernels end at the outer transport. */
static __always_inline __u32 dynmon_told_header(const struct dynmon_packet* pkt) {
    const struct __sk_buff* skb = pkt->ctx;

    if (pkt->hook != DYNMON_HOOK_TC || pkt->direction != DYNMON_DIRECTION_EGRESS ||
        pkt->gso_segs < 2 || skb->wire_len <= pkt->len)
        return 0;
    return (skb->wire_len - pkt->len) / (pkt->gso_segs - 1);
}

/* What most super-packets are needs no walk: Ethernet, IPv4 without options or IPv6, TCP. Where its
 * payload begins; 0: it is something else. */
static __always_inline __u32 dynmon_find_plain_tcp(const struct dynmon_packet* pkt) {
    struct {
        __u8 at[24];
    } start;
    __u32 v4, v6, type, tcp;
    __u8 words;

    if (dynmon_link != DYNMON_LINK_ETHERNET || !dynmon_load_rare(pkt, 0, &start))
        return 0;
    type = DYNMON_WALK_16(&start, 12);
    v4 = dynmon_is(type, ETH_P_IP) & dynmon_is(start.at[14], 0x45) &
         dynmon_is(start.at[23], IPPROTO_TCP);
    v6 = dynmon_is(type, ETH_P_IPV6) & dynmon_is(start.at[20], IPPROTO_TCP);
    tcp = sizeof(struct ethhdr) + v4 * sizeof(struct iphdr) + v6 * sizeof(struct ipv6hdr);
    if (!(v4 | v6) || !dynmon_load_rare(pkt, tcp + 12, &words))
        return 0;
    return tcp + (words >> 4) * 4;
}

/* Before the packet is parsed: what is found is two numbers, one way for the verifier. */
static __always_inline __u32 dynmon_find_payload(const struct dynmon_packet* pkt,
                                                 const struct dynmon_begin* begin) {
    struct dynmon_walk walk = {
        .next = begin->ethertype ? DYNMON_WALK_IP : DYNMON_WALK_ETHERNET,
        .at = begin->at,
    };
    __u32 told = dynmon_forget(dynmon_find_plain_tcp(pkt));

    if (told)
        return told << 16;
    if (!dynmon_walk(pkt, &walk)) {
        told = dynmon_told_header(pkt);
        if (told > walk.known && told < pkt->len)
            walk.known = told;
    }
    return walk.known << 16 | walk.absent;
}

/* After it: `found` by dynmon_find_payload(). */
static __always_inline void dynmon_set_super_packet(const struct dynmon_packet* pkt,
                                                    struct dynmon_headers* headers, __u32 found) {
    __u32 payload = headers->l4_offset + headers->l4_header;

    if (payload < found >> 16)
        payload = found >> 16;
    headers->absent = found & 0xffff;
    headers->repeated = payload - headers->l3_offset - headers->absent;
    headers->segments = dynmon_segments(pkt, dynmon_segment_size(pkt, headers->repeated), payload);
}

#endif
