// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: no probe may do
// may: drop, write-packets, redirect, read-kernel, timers, loops
#define NO_CHAIN
#include "chain.h"

#define TC(name, call)                                                                             \
    SEC("tc") int name(struct __sk_buff* skb) {                                                    \
        call;                                                                                      \
        return TC_ACT_UNSPEC;                                                                      \
    }

static long (*const future)(void) = (void*)999;

TC(not_known, future())
TC(moves_socket, bpf_sk_select_reuseport((void*)skb, skb, skb, 0))
TC(touches_listener, bpf_tcp_gen_syncookie(skb, skb, 20, (void*)skb, 20))
TC(function_pointer, bpf_get_func_ip(skb))
TC(set_option, bpf_setsockopt(skb, 1, 2, "x", 1))
