// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// One program more than an object may have.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

#define PROGRAM(n)                                                                                 \
    SEC("tc") int on_tc_##n(struct __sk_buff* skb) {                                               \
        return -1;                                                                                 \
    }
#define EIGHT(n)                                                                                   \
    PROGRAM(n##0)                                                                                  \
    PROGRAM(n##1)                                                                                  \
    PROGRAM(n##2)                                                                                  \
    PROGRAM(n##3) PROGRAM(n##4) PROGRAM(n##5) PROGRAM(n##6) PROGRAM(n##7)

EIGHT(0) EIGHT(1) EIGHT(2) EIGHT(3) EIGHT(4) EIGHT(5) EIGHT(6) EIGHT(7) PROGRAM(last)
