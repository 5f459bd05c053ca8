// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: TC_ACT_SHOT
// What the loader sets is known to be off; a variable that only looks like it is not.
#define NO_CHAIN
#include "chain.h"

const volatile bool dynmon_may_drop_too CONSTANT = false;
volatile bool dynmon_may_drop = false; // in .bss: everybody may write it

SEC("tc") int parameter(struct __sk_buff* skb) {
    return dynmon_may_drop_too ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("tc") int variable(struct __sk_buff* skb) {
    return dynmon_may_drop ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
