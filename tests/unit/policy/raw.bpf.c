// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Programs with room for instructions that a test puts there: r6 is the context, r7 the chain, r8
// the number in dynmon_slot, r9 the value of a map.
#include "chain.h"

__u64 own;
__u64 packets;

#define ROOM(type, neutral)                                                                        \
    asm volatile("r6 = r1\n"                                                                       \
                 "r7 = dynmon_chain ll\n"                                                          \
                 "r8 = dynmon_slot ll\n"                                                           \
                 "r8 = *(u32 *)(r8 + 0)\n"                                                         \
                 "r9 = own ll\n"                                                                   \
                 ".rept 64\n"                                                                      \
                 "r9 = r9\n"                                                                       \
                 ".endr\n"                                                                         \
                 "r0 = " neutral "\n"                                                              \
                 "exit\n")

SEC("tc") __attribute__((naked)) int raw_tc(void) {
    ROOM("tc", "-1");
}

SEC("xdp") __attribute__((naked)) int raw_xdp(void) {
    ROOM("xdp", "2");
}
