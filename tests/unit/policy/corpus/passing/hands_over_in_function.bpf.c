// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// The verdict of the programs behind it comes back, and goes out as it is.
#include "verdict.h"

SEC("tc") int hands_over_in_function(struct __sk_buff* skb) {
    return leave(skb);
}
