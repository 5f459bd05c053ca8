/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Lists of IPv4 and IPv6 prefixes that a program looks addresses up in, at a cost that depends
 * neither on how long the list is nor on how many addresses there are.
 *
 *     struct entry {
 *         dynmon_time_ns_t expires;
 *         __u64 packets;
 *     };
 *     DYNMON_IPV4_LIST(FRIENDS, struct entry, 1024);
 *
 *     __u64 candidates =
 *         dynmon_candidates_ipv4(&FRIENDS_lengths, &FRIENDS_filter, 1024, address);
 *     struct dynmon_ipv4_prefix prefix = {};
 *
 *     for (int i = 0; i < 8 && dynmon_next_ipv4(&candidates, address, &prefix); i++) {
 *         struct entry* entry = bpf_map_lookup_elem(&FRIENDS, &prefix);
 *         ...
 *     }
 *
 * An LPM trie needs several hundred ns for an address among 16,384 prefixes, since each node on the
 * way is another miss of the cache. Here a packet pays a few ns for each length that occurs, and a
 * look-up in a hash for each prefix that it does lie in (prefix_filter.h). A trie is also no place
 * for counters: its values begin right behind the prefix. */
#ifndef DYNMON_PREFIX_LIST_H
#define DYNMON_PREFIX_LIST_H

#include "dynmon.h"
#include "prefix_filter.h"

#define DYNMON_PREFIX_LIST_(NAME, prefix_type, value_type, entries)                                \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_HASH);                                                           \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
        __uint(max_entries, entries);                                                              \
        __type(key, prefix_type);                                                                  \
        __type(value, value_type);                                                                 \
    } NAME SEC(".maps");                                                                           \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                          \
        __uint(max_entries, entries);                                                              \
        __type(key, __u32);                                                                        \
        __type(value, __u64);                                                                      \
    } NAME##_filter SEC(".maps");                                                                  \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                          \
        __uint(max_entries, 1);                                                                    \
        __type(key, __u32);                                                                        \
        __type(value, struct dynmon_lengths);                                                      \
    } NAME##_lengths SEC(".maps");                                                                 \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_HASH);                                                           \
        __uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
        __uint(max_entries, entries);                                                              \
        __type(key, prefix_type);                                                                  \
        __type(value, struct dynmon_note);                                                         \
    } NAME##_notes SEC(".maps")

/* What `list` says of an entry; kept apart, so that the entries stay in the cache. */
struct dynmon_note {
    __u64 id;        /* of one list, never used again */
    char source[32]; /* the user or program that added it */
    char reason[64]; /* why it was added */
};

/* NAME, NAME_filter and NAME_notes have `entries`; a manifest that sizes one sizes all three. */
#define DYNMON_IPV4_LIST(NAME, value_type, entries)                                                \
    DYNMON_PREFIX_LIST_(NAME, struct dynmon_ipv4_prefix, value_type, entries)
#define DYNMON_IPV6_LIST(NAME, value_type, entries)                                                \
    DYNMON_PREFIX_LIST_(NAME, struct dynmon_ipv6_prefix, value_type, entries)

/* The prefixes of an address that a list may have, by their units: the longest has the lowest. */
struct dynmon_candidates {
    __u64 high;
    __u64 low;
    __u64 whole;
};

/* For one half of the lengths. Without a branch for what the filter says: the memory of all lengths
 * is asked for at once, and the verifier sees one way through the loop. */
#define DYNMON_CANDIDATES(into, units_left, most, hash_of_unit)                                    \
    do {                                                                                           \
        __u64 units = units_left;                                                                  \
        _Pragma("clang loop unroll(disable)") for (__u64 i = 0; i < (most); i++) {                 \
            const __u64 unit = units & -units;                                                     \
            const __u64* word;                                                                     \
            __u64 hash, missing;                                                                   \
            __u32 index;                                                                           \
            if (!units)                                                                            \
                break;                                                                             \
            units ^= unit;                                                                         \
            hash = (hash_of_unit);                                                                 \
            index = dynmon_filter_word(hash, words);                                               \
            word = bpf_map_lookup_elem(filter, &index);                                            \
            if (!word)                                                                             \
                break;                                                                             \
            missing = ~*word & dynmon_filter_bits(hash);                                           \
            (into) |= unit & (dynmon_is_not_0(missing) - 1);                                       \
        }                                                                                          \
    } while (0)

static __always_inline __u64 dynmon_candidates_ipv4(void* lengths_map, void* filter, __u32 words,
                                                    __u32 address) {
    const __u32 only = 0;
    const struct dynmon_lengths* lengths = bpf_map_lookup_elem(lengths_map, &only);
    __u64 candidates = dynmon_forget(0);

    if (!lengths)
        return 0;
    const __u64 factor = lengths->low_factor;
    DYNMON_CANDIDATES(candidates, lengths->low, 33,
                      dynmon_prefix_hash(0, factor, 0, address & -unit, 0, unit));
    return candidates;
}

static __always_inline void dynmon_candidates_ipv6(struct dynmon_candidates* candidates,
                                                   void* lengths_map, void* filter, __u32 words,
                                                   __u64 high, __u64 low) {
    const __u32 only = 0;
    const struct dynmon_lengths* lengths = bpf_map_lookup_elem(lengths_map, &only);
    __u64 low_candidates = dynmon_forget(0), high_candidates = dynmon_forget(0);

    candidates->low = candidates->high = candidates->whole = 0;
    if (!lengths)
        return;
    const __u64 high_factor = lengths->high_factor, low_factor = lengths->low_factor;
    DYNMON_CANDIDATES(low_candidates, lengths->low, 64,
                      dynmon_prefix_hash(high_factor, low_factor, high, low & -unit, 0, unit));
    DYNMON_CANDIDATES(high_candidates, lengths->high, 64,
                      dynmon_prefix_hash(high_factor, low_factor, high & -unit, 0, unit, 0));
    candidates->low = low_candidates;
    candidates->high = high_candidates;
    candidates->whole = lengths->whole;
}

/* Takes the longest of the candidates. False: there was none. */
static __always_inline bool dynmon_next_ipv4(__u64* candidates, __u32 address,
                                             struct dynmon_ipv4_prefix* prefix) {
    const __u64 left = dynmon_forget(*candidates);
    const __u64 unit = left & -left;

    if (!left)
        return false;
    *candidates = left ^ unit;
    prefix->length = 32 - dynmon_log2(unit);
    prefix->address = bpf_htonl(address & -unit);
    return true;
}

union dynmon_ipv6_key {
    struct dynmon_ipv6_prefix prefix;
    __u64 words[3];
};

/* Without branches: of what is not there the unit is 0. */
static __always_inline bool dynmon_next_ipv6(struct dynmon_candidates* candidates, __u64 high,
                                             __u64 low, union dynmon_ipv6_key* key) {
    const __u64 in_low = dynmon_is_not_0(candidates->low);
    const __u64 in_high = dynmon_is_not_0(candidates->high) & ~in_low;
    const __u64 low_unit = candidates->low & -candidates->low;
    const __u64 high_unit = candidates->high & -candidates->high & -in_high;
    const __be64 high_network = bpf_cpu_to_be64(high & -(high_unit | in_low));
    const __be64 low_network = bpf_cpu_to_be64(low & -low_unit);
    const __u64 length = (in_low << 7 | in_high << 6) - dynmon_log2(low_unit | high_unit);

    if (!(candidates->low | candidates->high | candidates->whole))
        return false;
    candidates->low ^= low_unit;
    candidates->high ^= high_unit;
    candidates->whole &= -(in_low | in_high);
    key->words[0] = length | high_network << 32;
    key->words[1] = high_network >> 32 | low_network << 32;
    key->words[2] = low_network >> 32;
    return true;
}

#endif
