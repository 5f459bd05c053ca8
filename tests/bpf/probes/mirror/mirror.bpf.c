// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: shows all that dynmon.h and packet.h made of the last packet.
#include "dynmon.h"
#include "packet.h"
#include "tunnel.h"

const volatile bool want_drop = false;

// Without a name, so that the skeleton spells the struct out; ports and ethertype in host order.
struct {
    __u64 calls;
    __u64 now;
    __u64 wire_bytes;
    __u32 len;
    __u32 packet_segments;
    __u32 gso_size;
    __u32 ifindex;
    __u32 direction;
    __u32 hook;
    __u32 vlan_offloaded;
    __u32 vlan_tci;
    __u32 linear;
    __u32 parsed;
    __u32 ip_bytes;
    __u32 segments;
    __u32 tunnel;
    __u32 estimated;
    __u8 saddr[16];
    __u8 daddr[16];
    __u16 ethertype;
    __u16 sport;
    __u16 dport;
    __u16 vlan;
    __u16 vlan_inner;
    __u16 l3_offset;
    __u16 l4_offset;
    __u16 l4_header;
    __u16 tcp_control;
    __u8 ip_version;
    __u8 protocol;
    __u8 tos;
    __u8 ttl;
    __u8 tcp_flags;
    __u8 fragment;
    __u8 icmp_type;
    __u8 icmp_code;
} seen;

static __always_inline void show_packet(const struct dynmon_packet* pkt) {
    seen.len = pkt->len;
    seen.packet_segments = pkt->segments;
    seen.gso_size = pkt->gso_size;
    seen.ifindex = pkt->ifindex;
    seen.direction = pkt->direction;
    seen.hook = pkt->hook;
    seen.vlan_offloaded = pkt->vlan_offloaded;
    seen.vlan_tci = pkt->vlan_tci;
    seen.estimated = pkt->estimated;
    seen.linear = pkt->data_end - pkt->data;
}

static __always_inline void show_headers(const struct dynmon_packet* pkt,
                                         const struct dynmon_headers* headers) {
    __builtin_memcpy(seen.saddr, &headers->saddr, sizeof(seen.saddr));
    __builtin_memcpy(seen.daddr, &headers->daddr, sizeof(seen.daddr));
    seen.wire_bytes = dynmon_wire_bytes(pkt, headers);
    seen.ip_bytes = headers->ip_bytes;
    seen.segments = headers->segments;
    seen.ethertype = bpf_ntohs(headers->ethertype);
    seen.sport = bpf_ntohs(headers->sport);
    seen.dport = bpf_ntohs(headers->dport);
    seen.vlan = headers->vlan;
    seen.vlan_inner = headers->vlan_inner;
    seen.l3_offset = headers->l3_offset;
    seen.l4_offset = headers->l4_offset;
    seen.l4_header = headers->l4_header;
    seen.ip_version = headers->ip_version;
    seen.protocol = headers->protocol;
    seen.tos = headers->tos;
    seen.ttl = headers->ttl;
    seen.tcp_flags = headers->tcp_flags;
    seen.tcp_control = headers->tcp_control;
    seen.fragment = headers->fragment;
    seen.icmp_type = headers->icmp_type;
    seen.icmp_code = headers->icmp_code;
}

static __always_inline enum dynmon_verdict mirror(const struct dynmon_packet* pkt) {
    struct dynmon_headers headers;

    seen.calls++;
    seen.now = dynmon_now();
    show_packet(pkt);
    seen.parsed = dynmon_parse(pkt, &headers);
    seen.tunnel = seen.parsed == DYNMON_IP ? dynmon_tunnel(&headers) : DYNMON_TUNNEL_NONE;
    show_headers(pkt, &headers);
    return want_drop ? DYNMON_DROP : DYNMON_PASS;
}

DYNMON_INGRESS(mirror_ingress) {
    return mirror(pkt);
}

DYNMON_EGRESS(mirror_egress) {
    return mirror(pkt);
}
