// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: needs a field that no kernel has.
// The second needs the types of the first.
// clang-format off
#include "dynmon.h"

#include <bpf/bpf_core_read.h>
// clang-format on

struct sk_buff___absent {
    int dynmon_absent;
} __attribute__((preserve_access_index));

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} FOUND SEC(".maps");

DYNMON_INGRESS(core_absent) {
    __u32 zero = 0;
    __u64* place = bpf_map_lookup_elem(&FOUND, &zero);

    if (place)
        *place = bpf_core_field_offset(struct sk_buff___absent, dynmon_absent);
    return DYNMON_PASS;
}
