// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: judges features that a test puts into a map.
#include "dynmon.h"
#include "forest.h"

DYNMON_FOREST(MODEL, 65536);

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct dynmon_features);
} FEATURES SEC(".maps");

struct {
    __s64 score;
    __u32 judged;
    __u32 attack;
    __u8 hash[8];
} result;

static __always_inline enum dynmon_verdict judge(void) {
    const __u32 only = 0;
    struct dynmon_features* features = bpf_map_lookup_elem(&FEATURES, &only);
    struct dynmon_judgement judged = {};

    if (!features)
        return DYNMON_PASS;
    result.judged = dynmon_judge(MODEL, DYNMON_MODEL_ACTIVE, features, &judged);
    result.score = judged.score;
    result.attack = judged.attack;
    __builtin_memcpy(result.hash, judged.hash, sizeof(result.hash));
    return DYNMON_PASS;
}

DYNMON_INGRESS(forest_ingress) {
    return judge();
}

DYNMON_EGRESS(forest_egress) {
    return judge();
}
