/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Where the IP header of a packet begins: behind Ethernet and VLAN tags, or, on a device of another
 * type, wherever this packet has it. Tunnels of one device differ by direction and kernel: what
 * xfrm and vti receive still has the Ethernet header that it came with and what they send begins
 * with IP; a GRE device without a remote sends with the outer headers in front, and on older
 * kernels such as 5.10 tunnels receive with them. */
#ifndef DYNMON_LINK_H
#define DYNMON_LINK_H

#include "cursor.h"
#include "headers.h"

#define DYNMON_START_AT_NETWORK 1 /* BPF_HDR_START_NET, which not every vmlinux.h has */

/* 802.1p priority tags have identifier 0: they say nothing about a VLAN. */
static __always_inline void dynmon_set_vlan(struct dynmon_headers* headers, __u16 tci) {
    const __u16 id = tci & 0xfff;

    if (!headers->vlan)
        headers->vlan = id;
    else if (!headers->vlan_inner)
        headers->vlan_inner = id;
}

/* One tag fewer where the kernel or the device took one off: every hook reads as many. */
static __always_inline bool dynmon_parse_ethernet(const struct dynmon_packet* pkt,
                                                  struct dynmon_headers* headers) {
    struct vlan_hdr tag;
    __u32 at = sizeof(struct ethhdr);

    if (!dynmon_load(pkt, dynmon_forget(__builtin_offsetof(struct ethhdr, h_proto)),
                     &headers->ethertype))
        return false;
#pragma unroll
    for (int i = 0; i < DYNMON_VLAN_TAGS; i++) {
        if (!dynmon_is_vlan(headers->ethertype) ||
            (i == DYNMON_VLAN_TAGS - 1 && pkt->vlan_offloaded))
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

/* 1: the kernel's network header is further than `at` bytes into the frame. No helper says where it
 * is, but one reads from it up to the end of the linear part: how far it gets tells. `last`: of the
 * bytes of that part. Without branches: one way for the verifier. */
static __always_inline __u32 dynmon_network_is_beyond(void* ctx, __u32 last, __u32 at) {
    __u64 outside = (__u64)last - at;
    __u64 failed;
    __u8 byte;

    failed =
        bpf_skb_load_bytes_relative(ctx, last - at, &byte, sizeof(byte), DYNMON_START_AT_NETWORK);
    barrier_var(failed);
    barrier_var(outside);
    failed = (failed & ~outside) >> 63;
    barrier_var(failed);
    return failed;
}

/* Up to 255, which all headers of a tunnel and of what it runs over are below. */
static __always_inline __u32 dynmon_network_offset(const struct dynmon_packet* pkt) {
    __u64 last = pkt->data_end - pkt->data;
    __u32 offset = 0;

    barrier_var(last); /* pointers are subtracted in 64 bits only */
    last--;
    if (!dynmon_network_is_beyond(pkt->ctx, last, 0))
        return 0;
#pragma unroll
    for (__u32 step = 128; step; step >>= 1)
        offset += step * dynmon_network_is_beyond(pkt->ctx, last, offset + step - 1);
    return offset;
}

/* The first bytes of a frame: of an IP header, or of an Ethernet header and one behind it. */
struct dynmon_start {
    __u8 version;
    __u8 tos;
    __be16 length_v4;
    __be16 length_v6;
    __u8 ignored[6];
    __be16 ethertype;
    __u8 byte_behind;
    __u8 padding;
};

/* By the bytes alone. A device without a link layer pads nothing: an IP header there says the very
 * length of the frame. An Ethernet address in its place does so by accident only. */
static __always_inline bool dynmon_starts_with_ethernet(const struct dynmon_packet* pkt,
                                                        const struct dynmon_start* start) {
    const __u8 version = start->version >> 4;

    if (version == 4 && bpf_ntohs(start->length_v4) == pkt->len)
        return false;
    if (version == 6 && bpf_ntohs(start->length_v6) + sizeof(struct ipv6hdr) == pkt->len)
        return false;
    return dynmon_is_ethernet(start->ethertype, start->byte_behind) ||
           (version != 4 && version != 6);
}

/* What a packet begins with. */
struct dynmon_begin {
    __u32 at;
    __be16 ethertype; /* of the IP packet, or what it is instead, at `at`; 0: an Ethernet header */
};

static __always_inline struct dynmon_begin dynmon_begin_other(const struct dynmon_packet* pkt) {
    struct dynmon_begin begin = {};
    struct dynmon_start start;

    if (pkt->hook == DYNMON_HOOK_TC) {
        begin.at = dynmon_forget(dynmon_network_offset(pkt));
        begin.ethertype = ((const struct __sk_buff*)pkt->ctx)->protocol;
        return begin;
    }
    if (dynmon_load(pkt, dynmon_forget(0), &start) && !dynmon_starts_with_ethernet(pkt, &start))
        begin.ethertype = bpf_htons(start.version >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP);
    begin.ethertype = dynmon_forget(begin.ethertype);
    return begin;
}

static __always_inline struct dynmon_begin dynmon_begin(const struct dynmon_packet* pkt) {
    const struct dynmon_begin ethernet = {};

    return dynmon_link == DYNMON_LINK_ETHERNET ? ethernet : dynmon_begin_other(pkt);
}

/* Sets ethertype, VLANs and l3_offset. */
static __always_inline bool dynmon_parse_link(const struct dynmon_packet* pkt,
                                              const struct dynmon_begin* begin,
                                              struct dynmon_headers* headers) {
    if (pkt->vlan_offloaded)
        dynmon_set_vlan(headers, pkt->vlan_tci);
    if (!begin->ethertype)
        return dynmon_parse_ethernet(pkt, headers);
    headers->ethertype = begin->ethertype;
    headers->l3_offset = begin->at;
    return true;
}

#endif
