/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a program costs: the meter of `status --stats`, and the limit of `load --limit`, which takes
 * a program that costs too much out of its chain. Included by dynmon.h, whose entry macros use it.
 */
#ifndef DYNMON_COST_H
#define DYNMON_COST_H

#include "clock.h"
#include "forget.h"

/* Set by the loader: what a packet may cost on average, in ns. 0: no limit, and nothing of it is in
 * the program that the kernel runs. */
#ifdef DYNMON_LINKED /* see bare.h */
extern const volatile __u64 dynmon_limit;
#else
const volatile __u64 dynmon_limit = 0;
#endif

/* Why a program was taken out, by enum dynmon_direction. From then on its body is skipped: packets
 * go straight on to the next program. Read by the loader. The struct has no name, so that skeletons
 * spell it out. */
DYNMON_SHARED volatile struct {
    __u64 since; /* dynmon_now(); 0: it runs */
    __u64 ns;    /* what a packet cost in the end */
} dynmon_over[2] SEC(".data.dynmon_limit")
#ifndef DYNMON_LINKED
    = {}
#endif
;

/* What the measured packets cost. During `status --stats` all are measured, with a limit one of
 * some DYNMON_LIMIT_EVERY. The loader reads the first three fields. */
struct dynmon_cost {
    __u64 runs;
    __u64 ns;
    __u64 worst;
    __u64 skip;     /* packets before the next one that is measured */
    __u64 recent;   /* DYNMON_LIMIT_SAMPLES times the mean that is held against the limit */
    __u64 recent_8; /* 8 times the mean that is reported */
};

DYNMON_SHARED struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32); /* enum dynmon_direction */
    __type(value, struct dynmon_cost);
} dynmon_meter SEC(".maps");

#define DYNMON_LIMIT_EVERY 64   /* on average; a power of two */
#define DYNMON_LIMIT_SAMPLES 64 /* of the running mean; a power of two */
/* A sample counts as no more than so many limits: an interrupt in it lifts the mean by a sixteenth
 * of the limit, while a program that always takes that long is out after 19 samples. */
#define DYNMON_LIMIT_MOST 4

/* The key is a copy: a variable whose address a helper gets is no constant for the compiler any
 * more, and `direction` is an index too. */
static __always_inline struct dynmon_cost* dynmon_cost_of(__u32 direction) {
    const __u32 key = direction;

    return bpf_map_lookup_elem(&dynmon_meter, &key);
}

static __always_inline bool dynmon_is_out(__u32 direction) {
    return dynmon_limit && dynmon_over[direction].since;
}

/* Whether this packet is one that is measured for the limit. */
static __always_inline bool dynmon_is_due(__u32 direction) {
    struct dynmon_cost* cost;

    if (!dynmon_limit)
        return false;
    cost = dynmon_cost_of(direction);
    if (!cost)
        return false;
    if (!cost->skip)
        return true;
    cost->skip--;
    return false;
}

/* What to take from the clock at the end to get the time in between, without what the reading of
 * the clock itself costs; 0: no process measures. The verifier must not see the 0: it would walk
 * through the whole program twice. */
static __always_inline __u64 dynmon_meter_begin(__u32 direction) {
    __u64 began = 0;

    if (!dynmon_likely(!dynmon_meter_on && !dynmon_is_due(direction))) {
        const __u64 first = bpf_ktime_get_ns();
        const __u64 second = bpf_ktime_get_ns();
        began = second + (second - first);
    }
    return dynmon_forget(began);
}

/* Whether the program may go on is decided here, on each CPU by what it measured itself. The
 * number of packets to skip comes from the clock, so that no sender can tell which are measured;
 * after one beyond the limit none is skipped. */
static __always_inline void dynmon_hold(struct dynmon_cost* cost, __u64 ns, __u64 now,
                                        __u32 direction) {
    const __u64 most = dynmon_limit * DYNMON_LIMIT_MOST;
    __u64 mean;

    cost->recent += (ns < most ? ns : most) - cost->recent / DYNMON_LIMIT_SAMPLES;
    cost->recent_8 += ns - cost->recent_8 / 8;
    cost->skip = ns > dynmon_limit ? 0 : DYNMON_LIMIT_EVERY / 2 + (now & (DYNMON_LIMIT_EVERY - 1));
    mean = cost->recent / DYNMON_LIMIT_SAMPLES;
    if (mean <= dynmon_limit || dynmon_over[direction].since)
        return;
    dynmon_over[direction].ns = cost->recent_8 / 8 > mean ? cost->recent_8 / 8 : mean;
    dynmon_over[direction].since = dynmon_now();
}

static __always_inline void dynmon_meter_end(__u64 began, __u32 direction) {
    struct dynmon_cost* cost;
    __u64 now;
    __u64 ns;

    if (dynmon_likely(!began))
        return;
    now = bpf_ktime_get_ns();
    ns = now > began ? now - began : 0;
    cost = dynmon_cost_of(direction);
    if (!cost)
        return;
    cost->runs++;
    cost->ns += ns;
    if (ns > cost->worst)
        cost->worst = ns;
    if (dynmon_limit)
        dynmon_hold(cost, ns, now, direction);
}

#endif
