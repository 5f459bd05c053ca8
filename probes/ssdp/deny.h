/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Whether a packet comes from a denied prefix, and from none that is allowed. */
#ifndef SSDP_DENY_H
#define SSDP_DENY_H

#include "dynmon.h"
#include "packet.h"
#include "prefix_list.h"

#define DENY_MAX 16384
#define ALLOW_MAX 1024
#define LOOKED_BEYOND 8 // entries that have expired or are dry runs, for one address

const volatile __u32 deny_max = DENY_MAX; // entries of each deny list, see probe.yaml
const volatile __u32 allow_max = ALLOW_MAX;

enum list_action {
    DROP,
    DRY_RUN, // counts what it would drop
    ALLOW,
};

// What `dynmon-load deny` and `dynmon-load allow` write. The counters stand on multiples of 8, and
// all of it in 32 bytes: what is looked at for each packet stays in the cache.
struct listed {
    dynmon_time_ns_t expires; // 0: never
    __u64 packets;            // dropped; of DRY_RUN: that would have been; of ALLOW: let through
    __u64 bytes;
    enum list_action action;
};

DYNMON_IPV4_LIST(DENY_IPV4, struct listed, DENY_MAX);
DYNMON_IPV6_LIST(DENY_IPV6, struct listed, DENY_MAX);
DYNMON_IPV4_LIST(ALLOW_IPV4, struct listed, ALLOW_MAX);
DYNMON_IPV6_LIST(ALLOW_IPV6, struct listed, ALLOW_MAX);

// What a list says of an address.
#define ON_LIST 1  // an entry that has not expired
#define ON_TRIAL 2 // a dry run that has not expired, and is longer

static __always_inline bool has_expired(const struct listed* entry) {
    return entry->expires && entry->expires <= dynmon_now();
}

// Looks at one candidate, and counts for it; true: nothing else is looked for.
static __always_inline bool take(__u64* said, struct listed* entry, __u32 packets, __u64 bytes) {
    bool dry_run;

    if (!entry || has_expired(entry))
        return false;
    dry_run = entry->action == DRY_RUN;
    if (dry_run && dynmon_forget(*said))
        return false;
    dynmon_add(&entry->packets, packets);
    dynmon_add(&entry->bytes, bytes);
    *said = dynmon_forget(*said | (dry_run ? ON_TRIAL : ON_LIST));
    return !dry_run;
}

static __always_inline __u32 look_up_ipv4(const struct dynmon_headers* headers, void* list,
                                          void* filter, void* lengths, __u32 words, __u64 bytes) {
    const __u32 address = bpf_ntohl(((const __be32*)headers->saddr.bytes)[3]);
    __u64 candidates = dynmon_candidates_ipv4(lengths, filter, words, address);
    struct dynmon_ipv4_prefix prefix = {};
    __u64 said = dynmon_forget(0);

#pragma clang loop unroll(disable)
    for (__u64 i = 0; i <= LOOKED_BEYOND; i++)
        if (!dynmon_next_ipv4(&candidates, address, &prefix) ||
            take(&said, bpf_map_lookup_elem(list, &prefix), headers->segments, bytes))
            break;
    return dynmon_forget(said);
}

static __always_inline __u32 look_up_ipv6(const struct dynmon_headers* headers, void* list,
                                          void* filter, void* lengths, __u32 words, __u64 bytes) {
    struct dynmon_candidates candidates;
    union dynmon_ipv6_key key = {};
    __be64 address[2];
    __u64 said = dynmon_forget(0);

    __builtin_memcpy(address, &headers->saddr, sizeof(address));
    address[0] = bpf_be64_to_cpu(address[0]);
    address[1] = bpf_be64_to_cpu(address[1]);
    dynmon_candidates_ipv6(&candidates, lengths, filter, words, address[0], address[1]);
#pragma clang loop unroll(disable)
    for (__u64 i = 0; i <= LOOKED_BEYOND; i++)
        if (!dynmon_next_ipv6(&candidates, address[0], address[1], &key) ||
            take(&said, bpf_map_lookup_elem(list, &key), headers->segments, bytes))
            break;
    return dynmon_forget(said);
}

#define LOOK_UP(list, headers, words, bytes)                                                       \
    ((headers)->ip_version == 4 ? look_up_ipv4(headers, &list##_IPV4, &list##_IPV4_filter,         \
                                               &list##_IPV4_lengths, words, bytes)                 \
                                : look_up_ipv6(headers, &list##_IPV6, &list##_IPV6_filter,         \
                                               &list##_IPV6_lengths, words, bytes))

#endif
