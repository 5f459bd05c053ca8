// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// An object that wants to know how the kernel was configured.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

extern unsigned long CONFIG_HZ __attribute__((section(".kconfig")));

SEC("tc") int on_tc(struct __sk_buff* skb) {
    return CONFIG_HZ > 100 ? -1 : 0;
}
