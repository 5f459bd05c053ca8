/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Counters of what is in no table: a struct of __u64, the only value of a PERCPU_ARRAY. */
#ifndef DYNMON_COUNT_H
#define DYNMON_COUNT_H

#include "frame.h"
#include "headers.h"

/* The number of a counter in a struct of them. */
#define DYNMON_COUNTER(type, field) (__builtin_offsetof(type, field) / sizeof(__u64))

static __always_inline void dynmon_count_many(void* map, __u32 counter, __u64 amount) {
    const __u32 only = 0;
    __u64* counters = bpf_map_lookup_elem(map, &only);

    if (counters)
        counters[counter] += amount;
}

static __always_inline void dynmon_count(void* map, __u32 counter) {
    dynmon_count_many(map, counter, 1);
}

/* A frame that counts as the packets that it must have been at least, see dynmon_mtu. */
static __always_inline void dynmon_count_estimated(void* map, __u32 counter,
                                                   const struct dynmon_packet* pkt) {
    if (!dynmon_likely(!pkt->estimated))
        dynmon_count(map, counter);
}

/* Those of the packet that are on the wire, whatever dynmon_parse() said of it. */
static __always_inline void dynmon_count_packets(void* map, __u32 counter,
                                                 const struct dynmon_headers* headers) {
    dynmon_count_many(map, counter, headers->segments);
}

#endif
