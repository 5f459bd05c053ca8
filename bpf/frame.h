/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a probe sees of a packet, and how it is made of the context of TC or of XDP. */
#ifndef DYNMON_FRAME_H
#define DYNMON_FRAME_H

#include "forget.h"
#include "types.h"

/* Set by the loader: what frames of the device start with, enum dynmon_link. */
const volatile __u32 dynmon_link = DYNMON_LINK_ETHERNET;

/* Set by the loader for XDP: the longest IP packet that the device takes from the wire, its MTU.
 * Generic XDP and virtual devices hand over super-packets as if they were one packet, and nothing
 * but their length tells: one that is longer counts as the packets it must have been at least. 0:
 * not known, every frame is one packet. */
const volatile __u32 dynmon_mtu = 0;

/* Set by the loader for XDP programs that it loads with BPF_F_XDP_HAS_FRAGS (Linux 5.18): a frame
 * may go on in fragments behind `data_end`. Otherwise no helper for them is in the program. */
const volatile bool dynmon_frags = false;

#define DYNMON_VLAN_TAGS 4 /* of a frame, with the one that the device or the kernel took off */
/* Bytes of the hop-by-hop header that says a length beyond 64 KiB. */
#define DYNMON_JUMBO_HEADER 8

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
    __u32 segments; /* packets on the wire that this one stands for (GRO, GSO) */
    __u32 gso_segs; /* what the kernel says of that, if it does, otherwise 0 */
    __u32 gso_size; /* payload bytes of each of them; 0: not a super-packet */
    bool estimated; /* of gso_size and segments nothing but the MTU is known: XDP, see dynmon_mtu */
    dynmon_ifindex_t ifindex;
    enum dynmon_direction direction;
    enum dynmon_hook hook;
    bool vlan_offloaded; /* the outermost VLAN tag is not in the bytes but here: */
    __u16 vlan_tci;
    __be16 vlan_proto;
};

/* Where the IP header of a frame begins, and where what its segments do not repeat; both 0: the
 * bytes that can be read directly do not tell. */
struct dynmon_outline {
    __u32 l3;
    __u32 payload;
};

static __always_inline bool dynmon_is_vlan(__be16 ethertype) {
    return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD) ||
           ethertype == bpf_htons(ETH_P_QINQ1);
}

/* Whether a frame that may begin with either begins with an Ethernet header. */
static __always_inline bool dynmon_is_ethernet(__be16 ethertype, __u8 byte_behind) {
    return (ethertype == bpf_htons(ETH_P_IP) && byte_behind >> 4 == 4) ||
           (ethertype == bpf_htons(ETH_P_IPV6) && byte_behind >> 4 == 6);
}

/* For a frame that may be a super-packet, before anything is known of it. Tunnels count with their
 * outer headers only: dynmon_parse() knows better. Reads directly: a call of a helper would stay in
 * programs that do not use `segments`. */
static __always_inline struct dynmon_outline dynmon_outline(void* data, void* data_end) {
    const struct ethhdr* eth = data;
    struct dynmon_outline outline = {};
    __u32 at = 0;
    __u8 proto = 0;
    __u8 version;

    if (data + sizeof(*eth) + DYNMON_VLAN_TAGS * sizeof(struct vlan_hdr) + sizeof(struct ipv6hdr) +
            DYNMON_JUMBO_HEADER >
        data_end)
        return outline;
    if (dynmon_link == DYNMON_LINK_ETHERNET ||
        dynmon_is_ethernet(eth->h_proto, *(__u8*)(eth + 1))) {
        __be16 ethertype = eth->h_proto;
        at = sizeof(*eth);
#pragma unroll
        for (int tag = 0; tag < DYNMON_VLAN_TAGS; tag++) {
            const struct vlan_hdr* vlan = data + at;
            if (!dynmon_is_vlan(ethertype))
                break;
            ethertype = vlan->h_vlan_encapsulated_proto;
            at += sizeof(*vlan);
        }
    }
    outline.l3 = at;
    version = *(__u8*)(data + at);
    if (version >> 4 == 4) {
        proto = ((const struct iphdr*)(data + at))->protocol;
        at += (version & 0xf) * 4;
    } else if (version >> 4 == 6) {
        proto = ((const struct ipv6hdr*)(data + at))->nexthdr;
        at += sizeof(struct ipv6hdr);
        if (proto == 0) { /* hop-by-hop options: the length of a super-packet beyond 64 KiB */
            proto = *(__u8*)(data + at);
            at += DYNMON_JUMBO_HEADER;
        }
    }
    outline.payload = at;
    if (proto == IPPROTO_UDP)
        outline.payload = at + sizeof(struct udphdr);
    else if (proto == IPPROTO_TCP && data + at + sizeof(struct tcphdr) <= data_end)
        outline.payload = at + (*(__u8*)(data + at + 12) >> 4) * 4;
    return outline;
}

/* Payload bytes of each segment whose headers of IP and above take `repeated`. */
static __always_inline __u32 dynmon_segment_size(const struct dynmon_packet* pkt, __u32 repeated) {
    if (!pkt->estimated)
        return pkt->gso_size;
    return repeated < dynmon_mtu ? dynmon_mtu - repeated : 1;
}

/* A super-packet from a virtual machine's host carries gso_size but not always gso_segs. `payload`:
 * where what its segments do not repeat begins. */
static __always_inline __u32 dynmon_segments(const struct dynmon_packet* pkt, __u32 size,
                                             __u32 payload) {
    if (pkt->gso_segs || payload >= pkt->len)
        return pkt->gso_segs ? pkt->gso_segs : 1;
    return (pkt->len - payload + size - 1) / size;
}

static __always_inline void dynmon_set_gso(struct dynmon_packet* pkt, struct __sk_buff* ctx) {
    pkt->gso_size = ctx->gso_size;
    pkt->gso_segs = 0;
    pkt->segments = 1;
    if (dynmon_likely(!pkt->gso_size))
        return;
    pkt->gso_segs = ctx->gso_segs;
    pkt->segments = pkt->gso_segs;
    if (pkt->gso_segs)
        return;
    pkt->segments =
        dynmon_segments(pkt, pkt->gso_size, dynmon_outline(pkt->data, pkt->data_end).payload);
    pkt->data = (void*)(long)ctx->data; /* one way for the verifier again */
    pkt->data_end = (void*)(long)ctx->data_end;
}

/* A frame that is longer than one from the wire can be. Where its headers are not to be read, it
 * may have all tags. */
static __always_inline void dynmon_estimate_gso(struct dynmon_packet* pkt, struct xdp_md* ctx) {
    struct dynmon_outline outline = dynmon_outline(pkt->data, pkt->data_end);

    pkt->data = (void*)(long)ctx->data; /* one way for the verifier again */
    pkt->data_end = (void*)(long)ctx->data_end;
    if (!outline.payload)
        outline.l3 = outline.payload =
            sizeof(struct ethhdr) + DYNMON_VLAN_TAGS * sizeof(struct vlan_hdr);
    if (pkt->len <= dynmon_mtu + outline.l3 || outline.payload - outline.l3 >= dynmon_mtu)
        return;
    pkt->gso_size = dynmon_mtu - (outline.payload - outline.l3);
    pkt->estimated = true;
    pkt->segments = dynmon_segments(pkt, pkt->gso_size, outline.payload);
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
    pkt->estimated = false;
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
    pkt->estimated = false;
    if (dynmon_mtu && !dynmon_likely(pkt->len <= dynmon_mtu))
        dynmon_estimate_gso(pkt, ctx);
}

#endif
