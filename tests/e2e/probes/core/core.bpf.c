// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: shows where CO-RE found a field of the kernel, and that a type which no kernel has is
// found nowhere.
// The second needs the types of the first.
// clang-format off
#include "dynmon.h"

#include <bpf/bpf_core_read.h>
// clang-format on

struct dynmon_nowhere {
    int field;
} __attribute__((preserve_access_index));

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 3);
    __type(key, __u32);
    __type(value, __u64);
} FOUND SEC(".maps");

static __always_inline void found(__u32 index, __u64 value) {
    __u64* place = bpf_map_lookup_elem(&FOUND, &index);

    if (place)
        *place = value;
}

DYNMON_INGRESS(core) {
    found(0, bpf_core_field_offset(struct sk_buff, len));
    found(1, bpf_core_type_size(struct sk_buff));
    found(2, bpf_core_type_exists(struct dynmon_nowhere));
    return DYNMON_PASS;
}
