/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the code of DeChainy has beyond that of Polycube; included by polycube.h. The structs of
 * headers are there without an #include. */
#ifndef DYNMON_POLYCUBE_DECHAINY_H
#define DYNMON_POLYCUBE_DECHAINY_H

#include <linux/icmp.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

struct eth_hdr {
    __be64 dst : 48;
    __be64 src : 48;
    __be16 proto;
} __attribute__((packed));

/* Keys of "lpm_trie" tables. */
struct lpm_key {
    u32 netmask_len;
    __be32 ip;
};

#define ECHO_REQUEST 8
#define ECHO_REPLY 0

enum {
    PASS = RX_OK,
    DROP = RX_DROP,
};

#define PTYPE POLYCUBE_PROGRAM_TYPE
#if POLYCUBE_PROGRAM_TYPE == 0
#define INGRESS 1
#else
#define EGRESS 1
#endif
#ifdef POLYCUBE_XDP
#define XDP 1
#endif

#define get_time_epoch(...) ((uint64_t)dynmon_now())
#ifdef DYNMON_SCAN
#define dp_log(...) dynmon_pcn_log_(__VA_ARGS__)
#else
#define dp_log(...)                                                                                \
    do {                                                                                           \
    } while (0)
/* Behind a table: what a read does to it; the importer has read it. */
#define __attributes__(...)
#define __attribute(...)
#endif

/* The first bit that is set, from 0. */
#define first_bit_set_pos(number) __builtin_ctzll(number)

#endif
