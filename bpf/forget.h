/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the verifier is not to know, so that it walks one way instead of many. */
#ifndef DYNMON_FORGET_H
#define DYNMON_FORGET_H

#include "types.h"

/* Not 0 while `status --stats` measures what the programs cost (the kernel's own statistics know
 * only the first program of a chain of tail calls). */
#ifdef DYNMON_LINKED /* see bare.h */
extern volatile __u64 dynmon_meter_on SEC(".data.dynmon_meter");
#else
volatile __u64 dynmon_meter_on SEC(".data.dynmon_meter") = 0;
#endif

/* The same number, of which the verifier knows nothing any more, if it knows nothing of `unknown`.
 * In registers alone. Not for what is made of a packet before it is parsed: it would keep in the
 * program what does not use that, and reading headers takes a right of its own. */
static __always_inline __u64 dynmon_blur(__u64 number, __u64 unknown) {
    asm("%[number] ^= %[unknown]\n"
        "%[number] ^= %[unknown]"
        : [number] "+r"(number)
        : [unknown] "r"(unknown));
    return number;
}

/* The same by what every program has read. Where paths meet again (one VLAN tag or two, IPv4 or
 * IPv6) the verifier would otherwise walk what follows once for every value that they left behind.
 *
 * The barrier keeps the compiler from forgetting it further down, where it has become two ways.
 *
 * It also compares what is on the stack, in slots of 8 bytes, and takes one for overwritten only
 * when all of it is: loops that it walks often count in 64 bits, and keys are written in words. */
static __always_inline __u64 dynmon_forget(__u64 number) {
    number = dynmon_blur(number, dynmon_meter_on);
    barrier_var(number);
    return number;
}

/* Where ways meet again in front of a loop, and what they left behind is forgotten. In the loop the
 * verifier would walk each of them: of the states that it has seen there it keeps few. Here it
 * keeps this one, as it does where jumps come together, two jumps and eight instructions after the
 * last one. */
static __always_inline void dynmon_meet(void) {
    asm volatile("if %[unknown] == 0 goto +0\n"
                 "if %[unknown] == 0 goto +0\n"
                 "if %[unknown] == 0 goto +0"
                 :
                 : [unknown] "r"(dynmon_meter_on));
}

#endif
