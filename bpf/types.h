/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What every probe builds on: the kernel's types and helpers, value types that carry meaning. */
#ifndef DYNMON_TYPES_H
#define DYNMON_TYPES_H

#if !__has_include(<bpf/bpf_helpers.h>)
#error "bpf/bpf_helpers.h is missing: install the headers of libbpf (Debian: libbpf-dev)"
#endif

/* vmlinux.h first: the helper declarations use its types. */
/* clang-format off */
#ifdef DYNMON_BARE /* see bare.h */
#include <stdbool.h>
#include <linux/bpf.h>
#else
#include "vmlinux.h"
#endif

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
/* clang-format on */

/* Macros of the kernel's headers that BTF does not carry. */
#if !defined(DYNMON_BARE) && !defined(ETH_P_IP)
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806
#define ETH_P_8021Q 0x8100
#define ETH_P_IPV6 0x86DD
#define ETH_P_8021AD 0x88A8
#define ETH_P_QINQ1 0x9100 /* VLAN tags as some switches wrote them before 802.1ad */
#define ETH_P_TEB 0x6558   /* an Ethernet frame, in tunnels */
#endif
#ifndef TC_ACT_UNSPEC
#define TC_ACT_UNSPEC (-1)
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
#endif

/* In front of what the loader knows by its name, of which an object has one: see bare.h. */
#ifdef DYNMON_LINKED
#define DYNMON_SHARED extern
#else
#define DYNMON_SHARED
#endif

enum dynmon_direction {
    DYNMON_DIRECTION_INGRESS = 0,
    DYNMON_DIRECTION_EGRESS = 1,
};

/* What nearly every packet does: the compiler then lays its way out without jumps. */
#define dynmon_likely(condition) __builtin_expect(!!(condition), 1)

/* 1 or 0, without a branch. Each branch is two ways for the verifier, and BPF has no instruction
 * for a comparison's result: the compiler would branch. */
static __always_inline __u64 dynmon_is_not_0(__u64 value) {
    __u64 negative = -value;

    barrier_var(negative);
    value = (value | negative) >> 63;
    barrier_var(value);
    return value;
}

/* Value types: the typedef's name travels in the BTF of the object and tells every reader what
 * the bytes stand for, so that 10.0.0.1 is printed and not 16777226. */
typedef __be32 dynmon_ipv4_t; /* network order */
typedef struct {
    __u8 bytes[16];
} __attribute__((aligned(4))) dynmon_ipv6_t;
/* IPv6, or IPv4 as ::ffff:a.b.c.d. A packet of IPv6 may carry such an address too: put the integer
 * `ip_version` (4 or 6) beside it in the struct, or `server_version` for one member `server`, and
 * readers tell the two apart. Without it such an address is taken for one of IPv4. */
typedef struct {
    __u8 bytes[16];
} __attribute__((aligned(4))) dynmon_ip_t;
typedef struct {
    __u8 bytes[6];
} dynmon_mac_t;
typedef __be16 dynmon_port_t;      /* network order */
typedef __u8 dynmon_proto_t;       /* IPPROTO_* */
typedef __be16 dynmon_eth_proto_t; /* ETH_P_*, network order */
typedef __u8 dynmon_tcp_flags_t;
typedef __u16 dynmon_tcp_control_t; /* the same with AE, for which a byte has no room */
typedef __u8 dynmon_tcp_state_t;    /* BPF_TCP_* */
typedef __u32 dynmon_ifindex_t;
typedef __u64 dynmon_time_ns_t;     /* since the Unix epoch, as dynmon_now() gives it */
typedef __u32 dynmon_time_s_t;      /* the same in seconds, where room is scarce */
typedef __u64 dynmon_duration_ns_t; /* between two of them; a parameter takes no bare number */
typedef __u32 dynmon_duration_us_t;
typedef __u64 dynmon_ktime_ns_t; /* since boot, as bpf_ktime_get_ns() gives it */

/* Prefixes, printed as 10.0.0.0/8. Bits behind the length are 0. */
struct dynmon_ipv4_prefix {
    __u32 length; /* in bits */
    dynmon_ipv4_t address;
};
struct dynmon_ipv6_prefix {
    __u32 length;
    dynmon_ipv6_t address;
};

#endif
