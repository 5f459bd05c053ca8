/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a program needs to hand over by itself, without dynmon.h. */
#ifndef CHAIN_H
#define CHAIN_H

/* clang-format off */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
/* clang-format on */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* clang puts a volatile constant there by itself, bpf-gcc 12 where programs can change it. */
#define CONSTANT SEC(".rodata")

#ifndef NO_CHAIN
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 128);
    __type(key, __u32);
    __type(value, __u32);
} dynmon_chain SEC(".maps");

const volatile __u32 dynmon_slot CONSTANT = 1;
#endif

#define TC_ACT_UNSPEC (-1)
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
#define TC_ACT_PIPE 3
#define TC_ACT_STOLEN 4

#endif
