/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* At most so many events in a second, of all CPUs together.
 *
 *     struct {
 *         __uint(type, BPF_MAP_TYPE_ARRAY);
 *         __uint(max_entries, 1);
 *         __type(key, __u32);
 *         __type(value, struct dynmon_budget);
 *     } BUDGET SEC(".maps");
 *
 *     if (!dynmon_take_budget(&BUDGET, 0, events_per_second, now))
 *         … count that nothing is sent …
 *
 * With an entry for each kind of event, a flood of one kind does not hide the others. */
#ifndef DYNMON_BUDGET_H
#define DYNMON_BUDGET_H

#include "types.h"

struct dynmon_budget {
    struct bpf_spin_lock lock;
    __u32 used;
    __u64 second;
};

/* Whether another one fits into this second; `most` of 0: always. A CPU that is a little late
 * counts for the next second, one that is far off has seen the clock being set. */
static __always_inline bool dynmon_take_budget(void* budgets, __u32 which, __u32 most,
                                               dynmon_time_ns_t now) {
    const __u64 second = now / 1000000000;
    struct dynmon_budget* budget;
    bool granted;
    __s64 ahead;

    if (!most)
        return true;
    budget = bpf_map_lookup_elem(budgets, &which);
    if (!budget)
        return false;
    ahead = second - budget->second;
    if ((ahead == 0 || ahead == -1) && budget->used >= most)
        return false; /* most of a flood ends here, without the lock */
    bpf_spin_lock(&budget->lock);
    ahead = second - budget->second;
    if (ahead > 0 || ahead < -1) {
        budget->second = second;
        budget->used = 0;
    }
    granted = budget->used < most;
    budget->used += granted;
    bpf_spin_unlock(&budget->lock);
    return granted;
}

#endif
