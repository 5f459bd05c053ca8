/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a probe sees of a packet, and how it is made of the context of TC or of XDP. */
#ifndef DYNMON_FRAME_H
#define DYNMON_FRAME_H

#include "types.h"

/* Set by the loader: what a frame starts with on the device, enum dynmon_link. */
const volatile __u32 dynmon_link = DYNMON_LINK_ETHERNET;

/* Set by the loader for XDP: the longest IP packet that the device takes from the wire, its MTU.
 * Generic XDP and virtual devices hand over super-packets as if they were one packet, and nothing
 * but their length tells: one that is longer counts as the packets it must have been at least. 0:
 * not known, every frame is one packet. */
const volatile __u32 dynmon_mtu = 0;

/* Set by the loader for XDP programs that it loads with BPF_F_XDP_HAS_FRAGS (Linux 5.18): a frame
 * may go on in fragments behind `data_end`. Otherwise no helper for them is in the program. */
const volatile bool dynmon_frags = false;

enum dynmon_direction {
    DYNMON_DIRECTION_INGRESS = 0,
    DYNMON_DIRECTION_EGRESS = 1,
};

enum dynmon_hook {
    DYNMON_HOOK_TC = 0,
    DYNMON_HOOK_XDP = 1,
};

/* What a probe sees of a packet, the same under TC and XDP. What is not used costs nothing. */
struct dynmon_packet {
    void* data;     /* first byte of the frame */
    void* data_end; /* behind the last byte that can be read directly (see dynmon_load) */
    void* ctx;      /* struct __sk_buff or struct xdp_md, by `hook` */
    __u32 len;      /* bytes of the frame, without a VLAN tag that the device took off */
    __u32 segments; /* packets on the wire that this one stands for (GRO, GSO); 1 under XDP */
    __u32 gso_segs; /* what the kernel says of that, if it does, otherwise 0 */
    __u32 gso_size; /* payload bytes of each of them; 0: not a super-packet */
    dynmon_ifindex_t ifindex;
    enum dynmon_direction direction;
    enum dynmon_hook hook;
    bool vlan_offloaded; /* the outermost VLAN tag is not in the bytes but here: */
    __u16 vlan_tci;
    __be16 vlan_proto;
};

/* Bytes of the headers that every segment of a super-packet repeats; 0 if they cannot be read.
 * Reads directly only: a call of a helper would stay in programs that do not use `segments`. */
static __always_inline __u32 dynmon_gso_header(void* data, void* data_end) {
    __u32 at = 0;
    __u8 proto = 0;
    __u8 version;

    if (dynmon_link == DYNMON_LINK_ETHERNET) {
        const struct ethhdr* eth = data;
        at = sizeof(*eth);
        if (data + at + 2 * sizeof(struct vlan_hdr) + sizeof(struct ipv6hdr) > data_end)
            return 0;
        __be16 ethertype = eth->h_proto;
#pragma unroll
        for (int tag = 0; tag < 2; tag++) {
            const struct vlan_hdr* vlan = data + at;
            if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD))
                break;
            ethertype = vlan->h_vlan_encapsulated_proto;
            at += sizeof(*vlan);
        }
    } else if (data + sizeof(struct ipv6hdr) > data_end) {
        return 0;
    }
    version = *(__u8*)(data + at);
    if (version >> 4 == 4) {
        proto = ((const struct iphdr*)(data + at))->protocol;
        at += (version & 0xf) * 4;
    } else if (version >> 4 == 6) {
        proto = ((const struct ipv6hdr*)(data + at))->nexthdr;
        at += sizeof(struct ipv6hdr);
    }
    if (proto == IPPROTO_UDP)
        return at + sizeof(struct udphdr);
    if (proto != IPPROTO_TCP || data + at + sizeof(struct tcphdr) > data_end)
        return 0;
    return at + (*(__u8*)(data + at + 12) >> 4) * 4;
}

/* A super-packet from a virtual machine's host carries gso_size but not always gso_segs. */
static __always_inline __u32 dynmon_segments(const struct dynmon_packet* pkt, __u32 header) {
    if (dynmon_likely(!pkt->gso_size))
        return 1;
    if (pkt->gso_segs || header >= pkt->len)
        return pkt->gso_segs ? pkt->gso_segs : 1;
    return (pkt->len - header + pkt->gso_size - 1) / pkt->gso_size;
}

static __always_inline void dynmon_set_gso(struct dynmon_packet* pkt, struct __sk_buff* ctx) {
    pkt->gso_size = ctx->gso_size;
    pkt->gso_segs = 0;
    pkt->segments = 1;
    if (dynmon_likely(!pkt->gso_size))
        return;
    pkt->gso_segs = ctx->gso_segs;
    pkt->segments = pkt->gso_segs;
    if (!pkt->gso_segs)
        pkt->segments = dynmon_segments(pkt, dynmon_gso_header(pkt->data, pkt->data_end));
}

static __always_inline void dynmon_from_skb(struct dynmon_packet* pkt, struct __sk_buff* ctx,
                                            enum dynmon_direction direction) {
    pkt->data = (void*)(long)ctx->data;
    pkt->data_end = (void*)(long)ctx->data_end;
    pkt->ctx = ctx;
    pkt->len = ctx->len;
    dynmon_set_gso(pkt, ctx);
    pkt->ifindex = ctx->ifindex;
    pkt->direction = direction;
    pkt->hook = DYNMON_HOOK_TC;
    pkt->vlan_offloaded = ctx->vlan_present;
    pkt->vlan_tci = ctx->vlan_tci;
    pkt->vlan_proto = ctx->vlan_proto;
}

static __always_inline void dynmon_from_xdp(struct dynmon_packet* pkt, struct xdp_md* ctx) {
    pkt->data = (void*)(long)ctx->data;
    pkt->data_end = (void*)(long)ctx->data_end;
    pkt->ctx = ctx;
    pkt->len = dynmon_frags ? bpf_xdp_get_buff_len(ctx) : ctx->data_end - ctx->data;
    pkt->gso_segs = 0;
    pkt->gso_size = 0;
    pkt->segments = 1;
    pkt->ifindex = ctx->ingress_ifindex;
    pkt->direction = DYNMON_DIRECTION_INGRESS;
    pkt->hook = DYNMON_HOOK_XDP;
    pkt->vlan_offloaded = false;
    pkt->vlan_tci = 0;
    pkt->vlan_proto = 0;
}

#endif
