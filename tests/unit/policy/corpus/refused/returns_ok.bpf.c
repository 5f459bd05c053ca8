// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: TC_ACT_OK (which stops every program behind it)
#define NO_CHAIN
#include "chain.h"

SEC("tc") int returns_ok(struct __sk_buff* skb) {
    return TC_ACT_OK;
}

SEC("tc") int returns_ok_sometimes(struct __sk_buff* skb) {
    return skb->len > 100 ? TC_ACT_OK : TC_ACT_UNSPEC;
}
