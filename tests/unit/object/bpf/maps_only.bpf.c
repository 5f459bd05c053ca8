// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// An object without a program.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} COUNTER SEC(".maps");
