// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// One map more than an object may have.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

#define MAP(n)                                                                                     \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                          \
        __uint(max_entries, 1);                                                                    \
        __type(key, __u32);                                                                        \
        __type(value, __u64);                                                                      \
    } MAP_##n SEC(".maps");
#define BY_8(n) MAP(n##0) MAP(n##1) MAP(n##2) MAP(n##3) MAP(n##4) MAP(n##5) MAP(n##6) MAP(n##7)
#define BY_64(n)                                                                                   \
    BY_8(n##0) BY_8(n##1) BY_8(n##2) BY_8(n##3) BY_8(n##4) BY_8(n##5) BY_8(n##6) BY_8(n##7)
#define BY_512(n)                                                                                  \
    BY_64(n##0) BY_64(n##1) BY_64(n##2) BY_64(n##3) BY_64(n##4) BY_64(n##5) BY_64(n##6) BY_64(n##7)
#define BY_4096(n)                                                                                 \
    BY_512(n##0)                                                                                   \
    BY_512(n##1) BY_512(n##2) BY_512(n##3) BY_512(n##4) BY_512(n##5) BY_512(n##6) BY_512(n##7)

BY_4096(a)
BY_4096(b)

__u64 counter; // .bss is one more

SEC("tc") int on_tc(struct __sk_buff* skb) {
    counter++;
    return -1;
}
