// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: judges features that a test puts into a map.
#include "forest.h"

#include "dynmon.h"

struct features {
    __u64 packets;
    __u64 bytes;
    __u32 duration_us;
    __u32 syns;
    __s32 balance;
    __be16 port;
    __u8 flags;
    __u8 proto : 3;
    __u8 phase : 5;
};

DYNMON_FOREST(MODEL, 65536, struct features);

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct features);
} FEATURES SEC(".maps");

struct {
    __s64 score;
    __u32 judged;
    __u32 attack;
    __u8 hash[8];
} result;

static __always_inline enum dynmon_verdict judge(void) {
    const __u32 only = 0;
    struct features* features = bpf_map_lookup_elem(&FEATURES, &only);
    const struct dynmon_judgement* judged;

    if (!features)
        return DYNMON_PASS;
    judged = dynmon_judge(MODEL, features);
    result.judged = judged != 0;
    if (!judged)
        return DYNMON_PASS;
    result.score = judged->score;
    result.attack = judged->attack;
    __builtin_memcpy(result.hash, judged->hash, sizeof(result.hash));
    return DYNMON_PASS;
}

DYNMON_INGRESS(forest_ingress) {
    return judge();
}

DYNMON_EGRESS(forest_egress) {
    return judge();
}
