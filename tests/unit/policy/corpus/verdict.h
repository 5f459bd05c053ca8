/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Hands over from within a function, so that the verdict of the programs behind comes back. */
#ifndef VERDICT_H
#define VERDICT_H

#include "chain.h"

static __noinline int leave(struct __sk_buff* skb) {
    int verdict = TC_ACT_UNSPEC;

    bpf_tail_call(skb, &dynmon_chain, dynmon_slot);
    asm volatile("" : "+r"(verdict)); /* or it is a constant for the compiler */
    return verdict;
}

#define RETURN_THROUGH(name, instructions)                                                         \
    SEC("tc") int name(struct __sk_buff* skb) {                                                    \
        long verdict = leave(skb);                                                                 \
        asm volatile(instructions : "+r"(verdict));                                                \
        return verdict;                                                                            \
    }

#endif
