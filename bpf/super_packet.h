/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
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
#define DYNMON_WALK_STEPS 11

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

/* 1 or 0, without a branch. Every branch of a step is a way that the verifier goes at each step;
 * and BPF has no instruction for it, so that the compiler would make one. */
static __always_inline __u32 dynmon_is(__u64 value, __u64 other) {
    value ^= other;
    barrier_var(value);
    value -= 1;
    barrier_var(value);
    return value >> 63;
}

static __always_inline __u32 dynmon_is_ip(__u32 ethertype) {
    return dynmon_is(ethertype, ETH_P_IP) | dynmon_is(ethertype, ETH_P_IPV6);
}

/* What a tunnel says is inside: IP, Ethernet or something else. */
static __always_inline __u32 dynmon_walk_inside(__u32 ip, __u32 ethernet) {
    return ip * DYNMON_WALK_IP + ethernet * DYNMON_WALK_ETHERNET +
           (1 - ip - ethernet) * DYNMON_WALK_UNKNOWN;
}

static __always_inline void dynmon_walk_ethernet(struct dynmon_walk* walk,
                                                 const struct dynmon_walk_bytes* bytes) {
    const __u32 type = DYNMON_WALK_16(bytes, 12);
    const __u32 tag =
        dynmon_is(type, ETH_P_8021Q) | dynmon_is(type, ETH_P_8021AD) | dynmon_is(type, ETH_P_QINQ1);

    /* Behind a tag the next type is as far away as behind the addresses. */
    walk->next = dynmon_walk_inside(dynmon_is_ip(type), tag);
    walk->at +=
        sizeof(struct vlan_hdr) + (1 - tag) * (sizeof(struct ethhdr) - sizeof(struct vlan_hdr));
}

/* Inside a super-packet an IP header says all that is left, or 0 beyond 64 KiB. Any other length is
 * that of what a program sent, segment by segment: payload. */
static __always_inline void dynmon_walk_ip(struct dynmon_walk* walk,
                                           const struct dynmon_walk_bytes* bytes, __u32 end) {
    const __u32 left = end - walk->at;
    __u32 length;
    __u32 payload;

    if (bytes->at[0] >> 4 == 4) {
        payload = (bytes->at[0] & 0xf) * 4;
        length = DYNMON_WALK_16(bytes, 2);
        walk->next = bytes->at[9];
        payload = dynmon_is(length, 0) | dynmon_is(length, left) ? payload : 0;
    } else {
        payload = sizeof(struct ipv6hdr);
        length = DYNMON_WALK_16(bytes, 4);
        walk->next = bytes->at[6];
        payload = dynmon_is(length, 0) | dynmon_is(length + payload, left) ? payload : 0;
    }
    walk->at += payload;
    if (payload)
        walk->known = walk->at;
    else
        walk->next = DYNMON_WALK_UNKNOWN;
}

static __always_inline void dynmon_walk_extension(struct dynmon_walk* walk,
                                                  const struct dynmon_walk_bytes* bytes) {
    if (walk->next == IPPROTO_HOPOPTS && dynmon_is_jumbo(bytes->at))
        walk->absent += DYNMON_JUMBO_HEADER;
    walk->at += dynmon_extension_size(walk->next, bytes->at[1]);
    walk->next = bytes->at[0];
}

/* The checksum, the key and the sequence number are there or not, a word each. */
static __always_inline void dynmon_walk_gre(struct dynmon_walk* walk,
                                            const struct dynmon_walk_bytes* bytes) {
    const __u32 flags = bytes->at[0];
    const __u32 type = DYNMON_WALK_16(bytes, 2);

    walk->next = dynmon_walk_inside(dynmon_is_ip(type), dynmon_is(type, ETH_P_TEB)) +
                 (bytes->at[1] & 7) * DYNMON_WALK_UNKNOWN; /* versions */
    walk->at += 4 + (flags >> 7 & 1) * 4 + (flags >> 5 & 1) * 4 + (flags >> 4 & 1) * 4;
}

/* VXLAN and Geneve are told by their headers, on any port: what they carry has to fit to the byte
 * (see dynmon_walk_ip). Otherwise it is a super-packet of UDP itself. */
static __always_inline void dynmon_walk_udp(struct dynmon_walk* walk,
                                            const struct dynmon_walk_bytes* bytes) {
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

    walk->known = walk->at + sizeof(struct udphdr);
    walk->at = walk->known + vxlan * 8 + geneve * (8 + (first & 0x3f) * 4);
    walk->next = geneve * dynmon_walk_inside(ip, ethernet) +
                 vxlan * (DYNMON_WALK_ETHERNET + vxlan_ip) +
                 (1 - geneve - vxlan) * DYNMON_WALK_FOUND;
}

static __always_inline void dynmon_walk_step(struct dynmon_walk* walk,
                                             const struct dynmon_walk_bytes* bytes, __u32 end) {
    switch (walk->next) {
    case DYNMON_WALK_ETHERNET:
        return dynmon_walk_ethernet(walk, bytes);
    case DYNMON_WALK_IP:
    case IPPROTO_IPIP:
    case IPPROTO_IPV6:
        return dynmon_walk_ip(walk, bytes, end);
    case IPPROTO_GRE:
        return dynmon_walk_gre(walk, bytes);
    case IPPROTO_UDP:
        return dynmon_walk_udp(walk, bytes);
    case IPPROTO_TCP:
        walk->at += (bytes->at[12] >> 4) * 4;
        break;
    case IPPROTO_SCTP:
        walk->at += DYNMON_SCTP_HEADER;
        break;
    case IPPROTO_UDPLITE:
        walk->at += sizeof(struct udphdr);
        break;
    default:
        if (dynmon_is_extension(walk->next))
            return dynmon_walk_extension(walk, bytes);
        walk->next = DYNMON_WALK_UNKNOWN;
        return;
    }
    walk->next = DYNMON_WALK_FOUND;
}

/* False: `known` is all that is known. One way for the verifier from each step to the next. */
static __always_inline bool dynmon_walk(const struct dynmon_packet* pkt, struct dynmon_walk* walk) {
    struct dynmon_walk_bytes bytes;

#pragma clang loop unroll(disable)
    for (int i = 0; i < DYNMON_WALK_STEPS; i++) {
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

/* Before the packet is parsed: what is found is two numbers, one way for the verifier. */
static __always_inline __u32 dynmon_find_payload(const struct dynmon_packet* pkt,
                                                 const struct dynmon_begin* begin) {
    struct dynmon_walk walk = {
        .next = begin->ethertype ? DYNMON_WALK_IP : DYNMON_WALK_ETHERNET,
        .at = begin->at,
    };
    __u32 told;

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
