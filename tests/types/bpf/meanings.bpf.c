// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "case.h"

typedef __be32 dynmon_ipv4_t;
typedef struct {
    __u8 bytes[16];
} dynmon_ipv6_t;
typedef dynmon_ipv6_t dynmon_ip_t;
typedef struct {
    __u8 bytes[6];
} dynmon_mac_t;
typedef __be16 dynmon_port_t;
typedef __u8 dynmon_proto_t;
typedef __be16 dynmon_eth_proto_t;
typedef __u8 dynmon_tcp_flags_t;
typedef __u8 dynmon_tcp_state_t;
typedef __u32 dynmon_ifindex_t;
typedef __u64 dynmon_time_ns_t;
typedef __u32 dynmon_time_s_t;
typedef __u64 dynmon_duration_ns_t;
typedef __u32 dynmon_duration_us_t;
typedef __u64 dynmon_ktime_ns_t;
typedef dynmon_ipv4_t my_address_t;

CASE dynmon_ipv4_t ipv4 = 0x0100000a;
CASE my_address_t ipv4_aliased = 0x0100000a;
CASE dynmon_ipv6_t ipv6 = {{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
CASE dynmon_ip_t ip_mapped = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}};
CASE dynmon_mac_t mac = {{2, 0x42, 0xac, 0x11, 0, 2}};
CASE dynmon_port_t port = 0xbb01;
CASE dynmon_proto_t proto = 6;
CASE dynmon_proto_t proto_unknown = 253;
CASE dynmon_eth_proto_t eth_proto = 0xdd86;
CASE dynmon_eth_proto_t eth_proto_unknown = 0x3412;
CASE dynmon_tcp_flags_t tcp_flags = 0x12;
CASE dynmon_tcp_state_t tcp_state = 10;
CASE dynmon_ifindex_t ifindex = 7;
CASE dynmon_ifindex_t ifindex_unknown = 99;
CASE dynmon_time_ns_t time_ns = 1795222923123456789ull;
CASE dynmon_time_ns_t time_never = 0;
CASE dynmon_time_s_t time_s = 1795222923;
CASE dynmon_duration_ns_t duration_ns = 250000000;
CASE dynmon_duration_us_t duration_us = 1500000;
CASE dynmon_ktime_ns_t ktime_ns = 61000000001ull;
CASE __be16 be16 = 0x5000;
CASE __be32 be32 = 0x04030201;
CASE __be64 be64 = 0x0100000000000000ull;

/* What the manifest says. */
CASE __u32 as_ipv4 = 0x0100000a;
CASE __u8 as_mac[2][6] = {{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}};
CASE __u32 as_hex = 0x2a;
CASE __u8 as_boolean = 2;
CASE __u64 as_time_ms = 1795222923123ull;
CASE __u64 as_time_us = 1795222923123456ull;
CASE __u32 as_duration_ms = 1500;
CASE __u16 as_big_endian = 0x5000;

/* The uapi's structs, which say by the names of their members what these are. */
struct ethhdr {
    unsigned char h_dest[6];
    unsigned char h_source[6];
    __be16 h_proto;
} __attribute__((packed));

struct iphdr {
    __u8 ihl : 4, version : 4;
    __u8 tos;
    __be16 tot_len;
    __be16 id;
    __be16 frag_off;
    __u8 ttl;
    __u8 protocol;
    __sum16 check;
    union {
        struct {
            __be32 saddr;
            __be32 daddr;
        };
        struct {
            __be32 saddr;
            __be32 daddr;
        } addrs;
    };
};

struct in6_addr {
    union {
        __u8 u6_addr8[16];
        __be16 u6_addr16[8];
        __be32 u6_addr32[4];
    } in6_u;
};

struct ipv6hdr {
    __u8 priority : 4, version : 4;
    __u8 flow_lbl[3];
    __be16 payload_len;
    __u8 nexthdr;
    __u8 hop_limit;
    struct in6_addr saddr;
    struct in6_addr daddr;
};

struct udphdr {
    __be16 source;
    __be16 dest;
    __be16 len;
    __sum16 check;
};

struct in_addr {
    __be32 s_addr;
};

struct sockaddr_in {
    unsigned short sin_family;
    __be16 sin_port;
    struct in_addr sin_addr;
    unsigned char __pad[8];
};

struct bpf_sock_tuple {
    union {
        struct {
            __be32 saddr;
            __be32 daddr;
            __be16 sport;
            __be16 dport;
        } ipv4;
        struct {
            __be32 saddr[4];
            __be32 daddr[4];
            __be16 sport;
            __be16 dport;
        } ipv6;
    };
};

struct bpf_fib_lookup {
    __u8 family;
    __u8 l4_protocol;
    __be16 sport;
    __be16 dport;
    __u16 tot_len;
    __u32 ifindex;
    __be32 flowinfo;
    union {
        __be32 ipv4_src;
        __u32 ipv6_src[4];
    };
    union {
        __be32 ipv4_dst;
        __u32 ipv6_dst[4];
    };
    __be16 h_vlan_proto;
    __be16 h_vlan_TCI;
    __u8 smac[6];
    __u8 dmac[6];
};

CASE struct ethhdr ethernet = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}, 0x0008};
CASE struct iphdr ip_header = {.version = 4,
                               .ihl = 5,
                               .tot_len = 0x2800,
                               .ttl = 64,
                               .protocol = 17,
                               .saddr = 0x0100000a,
                               .daddr = 0x0200000a};
CASE struct ipv6hdr ipv6_header = {
    .version = 6,
    .payload_len = 0x0800,
    .nexthdr = 58,
    .hop_limit = 255,
    .saddr = {{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}},
    .daddr = {{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}}};
CASE struct udphdr udp_header = {0x3500, 0xe803, 0x0800, 0x3412};
CASE struct sockaddr_in socket_address = {2, 0x5000, {0x0100000a}};
CASE struct bpf_sock_tuple sock_tuple = {.ipv4 = {0x0100000a, 0x0200000a, 0x5000, 0xbb01}};
CASE struct bpf_fib_lookup fib_lookup = {.family = 2,
                                         .l4_protocol = 17,
                                         .sport = 0x3500,
                                         .dport = 0x5000,
                                         .ifindex = 7,
                                         .ipv4_src = 0x0100000a,
                                         .ipv4_dst = 0x0200000a,
                                         .h_vlan_proto = 0x0081,
                                         .smac = {2, 0, 0, 0, 0, 1},
                                         .dmac = {2, 0, 0, 0, 0, 2}};
