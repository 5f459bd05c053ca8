/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The filter beside a list of prefixes: what the loader writes and the programs test; plain C, for
 * both sides, each of which has made __u32 and __u64 known.
 *
 * A list is a hash of prefixes. An address lies in one of them if the hash has its first n bits for
 * some length n, so that a program asks once for every length. The filter makes that cheap: it says
 * which lengths there are, and of nearly every prefix that is not on the list that it is not. It
 * may say "perhaps" of one that is not on it, never "no" of one that is.
 *
 * NAME          hash: prefix -> value
 * NAME_filter   array of words of 64 bits; two bits of one word stand for a prefix
 * NAME_lengths  array of one struct dynmon_lengths
 */
#ifndef DYNMON_PREFIX_FILTER_H
#define DYNMON_PREFIX_FILTER_H

/* An address is two numbers, high and low; one of IPv4 is the low one. The unit of a prefix is the
 * last bit that belongs to it: 1 for a whole address, 2 for one bit less. Prefixes of IPv6 of up to
 * 64 bits have their unit in the high number. */
struct dynmon_lengths {
    __u64 low;   /* the units in the low number: IPv4 0 to 32 bits, IPv6 65 to 128 bits */
    __u64 high;  /* the units in the high number: IPv6 1 to 64 bits */
    __u64 whole; /* not 0: the whole of IPv6 is on the list */
    /* Odd and random, so that a sender cannot choose addresses that the filter takes for others. */
    __u64 high_factor;
    __u64 low_factor;
    __u64 next_id; /* of the entry that is added next */
};

/* `high` and `low` have no bits behind the prefix. */
static inline __attribute__((always_inline)) __u64 dynmon_prefix_hash(__u64 high_factor,
                                                                      __u64 low_factor, __u64 high,
                                                                      __u64 low, __u64 high_unit,
                                                                      __u64 low_unit) {
    return (high | high_unit >> 1) * high_factor + (low | low_unit >> 1) * low_factor;
}

/* Where among `words` words the bits of a prefix are. */
static inline __attribute__((always_inline)) __u32 dynmon_filter_word(__u64 hash, __u32 words) {
    return (__u32)((hash >> 32) * words >> 32);
}

static inline __attribute__((always_inline)) __u64 dynmon_filter_bits(__u64 hash) {
    return (__u64)1 << (hash >> 26 & 63) | (__u64)1 << (hash >> 20 & 63);
}

#endif
