/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Key and value of the maps that the benchmark reads; plain C, for both sides. */
#ifndef DYNMON_BENCH_ENTRY_H
#define DYNMON_BENCH_ENTRY_H

#ifdef __cplusplus
#include <linux/types.h>
typedef __be32 dynmon_ipv4_t;
typedef __be16 dynmon_port_t;
typedef __u8 dynmon_proto_t;
typedef __u8 dynmon_tcp_flags_t;
#else
#include "types.h"
#endif

/* 16 bytes, of which the last three are padding. */
struct bench_key {
    dynmon_ipv4_t saddr;
    dynmon_ipv4_t daddr;
    dynmon_port_t sport;
    dynmon_port_t dport;
    dynmon_proto_t proto;
};

/* The fields of a TCP header. */
struct bench_value {
    dynmon_port_t source;
    dynmon_port_t dest;
    __u32 seq;
    __u32 ack_seq;
    __u16 window;
    __u16 check;
    __u8 doff;
    dynmon_tcp_flags_t flags;
};

#endif
