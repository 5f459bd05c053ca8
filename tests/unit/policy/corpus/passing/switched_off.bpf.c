// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// The loader sets dynmon_may_drop, and a probe that may not drop has no such path.
#define NO_CHAIN
#include "chain.h"

const volatile bool dynmon_may_drop CONSTANT = false;

SEC("tc") int switched_off(struct __sk_buff* skb) {
    if (dynmon_may_drop && skb->len > 100)
        return TC_ACT_SHOT;
    return TC_ACT_UNSPEC;
}
