/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Whether a packet comes from a denied prefix. */
#ifndef SSDP_DENY_H
#define SSDP_DENY_H

#include "dynmon.h"
#include "packet.h"

#define DENY_MAX 16384
#define DENY_NESTED 4 // expired entries that one address is looked up beyond

struct deny_ipv4_key {
    __u32 prefixlen;
    dynmon_ipv4_t address;
};

struct deny_ipv6_key {
    __u32 prefixlen;
    dynmon_ipv6_t address;
};

// What `dynmon-load deny` writes. Of several that an address lies in, the longest counts.
struct deny {
    dynmon_time_ns_t expires; // 0: never
    __u64 packets;            // dropped
    __u64 bytes;
    __u32 prefixlen; // as in the key, which a program cannot see
};

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, DENY_MAX);
    __type(key, struct deny_ipv4_key);
    __type(value, struct deny);
} DENY_IPV4 SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, DENY_MAX);
    __type(key, struct deny_ipv6_key);
    __type(value, struct deny);
} DENY_IPV6 SEC(".maps");

// A key of either family starts with its length, which shrinks on the way.
static __always_inline struct deny* find_deny(void* list, void* key) {
    __u32* prefixlen = key;
    struct deny* entry;

#pragma clang loop unroll(disable)
    for (int i = 0; i <= DENY_NESTED; i++) {
        entry = bpf_map_lookup_elem(list, key);
        if (!entry || !entry->expires || entry->expires > dynmon_now())
            return entry;
        if (!entry->prefixlen)
            return 0;
        *prefixlen = entry->prefixlen - 1; // expired: a shorter one may hold
    }
    return 0;
}

static __always_inline struct deny* denied(const struct dynmon_headers* headers) {
    const __be32* words = (const __be32*)headers->saddr.bytes;

    if (headers->ip_version == 4) {
        struct deny_ipv4_key key = {.prefixlen = 32, .address = words[3]};
        return find_deny(&DENY_IPV4, &key);
    }
    struct deny_ipv6_key key = {.prefixlen = 128};
    __builtin_memcpy(&key.address, &headers->saddr, sizeof(key.address));
    return find_deny(&DENY_IPV6, &key);
}

#endif
