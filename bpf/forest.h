/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Walks a forest of decision trees that is data: a map holds it, and `dynmon-load model set`
 * changes it while packets flow.
 *
 *     #include "dynmon.h"
 *     #include "forest.h"
 *
 *     DYNMON_FOREST(MODEL, 16384);
 *
 *     struct dynmon_features* features = …;   a map's value; see below
 *     struct dynmon_judgement judged;
 *     if (dynmon_judge(MODEL, DYNMON_MODEL_ACTIVE, features, &judged) && judged.attack)
 *         return DYNMON_DROP;
 *
 * The step from a node to the next has no branch: a mispredicted one costs more than the step, and
 * each is two ways for the verifier. */
#ifndef DYNMON_FOREST_H
#define DYNMON_FOREST_H

#include "dynmon.h"
#include "forest_abi.h"

enum {
    DYNMON_MODEL_ACTIVE = 0, /* whose verdict counts */
    DYNMON_MODEL_SHADOW = 1, /* judges the same packets, and nothing follows from it */
    DYNMON_MODEL_SLOTS = 2,
};

/* Number 63 has to stay 0. In a map's value, not on the stack: kernels before 5.12 read the stack
 * only at offsets that they know. */
struct dynmon_features {
    __u32 of[DYNMON_FOREST_FEATURES + 1];
};

/* `nodes`: how many there is room for, a power of two. The whole of a model is one value of an
 * inner map, so that a packet is judged by one model and never by a mix. */
#define DYNMON_FOREST(NAME, nodes_)                                                                \
    _Static_assert(((nodes_) & ((nodes_)-1)) == 0, "a power of two");                              \
    enum { NAME##_mask = (nodes_)-1 };                                                             \
    struct NAME##_model {                                                                          \
        struct dynmon_forest forest;                                                               \
        struct dynmon_node nodes[nodes_];                                                          \
    };                                                                                             \
    struct NAME##_place {                                                                          \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                          \
        __uint(max_entries, 1);                                                                    \
        __type(key, __u32);                                                                        \
        __type(value, struct NAME##_model);                                                        \
    } NAME##_active SEC(".maps"), NAME##_shadow SEC(".maps");                                      \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                                  \
        __uint(max_entries, DYNMON_MODEL_SLOTS);                                                   \
        __type(key, __u32);                                                                        \
        __array(values, struct NAME##_place);                                                      \
    } NAME SEC(".maps") = {.values = {&NAME##_active, &NAME##_shadow}}

struct dynmon_judgement {
    __s64 score;
    bool attack;
    __u8 hash[8]; /* of the model that judged */
};

/* One step of one tree. */
static __always_inline __u32 dynmon_step(const struct dynmon_node* nodes, __u32 mask, __u32 at,
                                         const __u32* features) {
    const struct dynmon_node* node = &nodes[at & mask];
    const __u32 next = node->next;
    __u64 beyond = (__u64)node->threshold - features[next & DYNMON_FOREST_FEATURES];

    barrier_var(beyond); /* else the compiler makes a branch of the sign */
    return (next >> 6) + (__u32)(beyond >> 63);
}

static __always_inline __s64 dynmon_walk_group(const struct dynmon_node* nodes, __u32 mask,
                                               const __u32* roots, __u32 depth,
                                               const __u32* features) {
    __u32 a = roots[0], b = roots[1], c = roots[2], d = roots[3];
    __u32 e = roots[4], f = roots[5], g = roots[6], h = roots[7];

    for (__u32 level = 0; level < DYNMON_FOREST_DEPTH; level++) {
        if (level >= depth)
            break;
        a = dynmon_step(nodes, mask, a, features);
        b = dynmon_step(nodes, mask, b, features);
        c = dynmon_step(nodes, mask, c, features);
        d = dynmon_step(nodes, mask, d, features);
        e = dynmon_step(nodes, mask, e, features);
        f = dynmon_step(nodes, mask, f, features);
        g = dynmon_step(nodes, mask, g, features);
        h = dynmon_step(nodes, mask, h, features);
    }
    return (__s64)(__s32)nodes[a & mask].threshold + (__s32)nodes[b & mask].threshold +
           (__s32)nodes[c & mask].threshold + (__s32)nodes[d & mask].threshold +
           (__s32)nodes[e & mask].threshold + (__s32)nodes[f & mask].threshold +
           (__s32)nodes[g & mask].threshold + (__s32)nodes[h & mask].threshold;
}

static __always_inline bool dynmon_judge_(const struct dynmon_forest* forest,
                                          const struct dynmon_node* nodes, __u32 mask,
                                          const struct dynmon_features* features,
                                          struct dynmon_judgement* judged) {
    const __u32 trees = forest->trees, depth = forest->depth;
    __s64 score = forest->base;

    if (forest->version != DYNMON_FOREST_VERSION)
        return false;
    if (trees == 1) { /* one tree alone takes half of the time of a group */
        __u32 at = forest->roots[0];

        for (__u32 level = 0; level < DYNMON_FOREST_DEPTH; level++) {
            if (level >= depth)
                break;
            at = dynmon_step(nodes, mask, at, features->of);
        }
        score += (__s32)nodes[at & mask].threshold;
    } else {
        for (__u32 tree = 0; tree < DYNMON_FOREST_TREES; tree += DYNMON_FOREST_GROUP) {
            if (tree >= trees)
                break;
            score += dynmon_walk_group(nodes, mask, forest->roots + tree, depth, features->of);
        }
    }
    judged->score = score;
    judged->attack = score > forest->threshold;
    __builtin_memcpy(judged->hash, forest->hash, sizeof(judged->hash));
    return true;
}

/* False: the slot has no model. `judged` is filled in else. */
#define dynmon_judge(NAME, slot_, features_, judged_)                                              \
    ({                                                                                             \
        const __u32 dynmon_judge_slot = (slot_), dynmon_judge_only = 0;                            \
        const struct NAME##_model* dynmon_judge_model = 0;                                         \
        void* dynmon_judge_place = bpf_map_lookup_elem(&NAME, &dynmon_judge_slot);                 \
        if (dynmon_judge_place)                                                                    \
            dynmon_judge_model = bpf_map_lookup_elem(dynmon_judge_place, &dynmon_judge_only);      \
        dynmon_judge_model&& dynmon_judge_(&dynmon_judge_model->forest, dynmon_judge_model->nodes, \
                                           NAME##_mask, (features_), (judged_));                   \
    })

#endif
