/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Judges features by a forest of decision trees that is data: a map holds it, and `dynmon-load
 * model set` changes it while packets flow.
 *
 *     #include "dynmon.h"
 *     #include "forest.h"
 *
 *     struct features {
 *         __u64 packets;
 *         __u64 bytes;
 *         __be16 port;
 *         __u8 flags;
 *         __u8 padding[5];
 *     };
 *     DYNMON_FOREST(MODEL, 16384, struct features);
 *
 *     struct features* features = …;   in a map's value
 *     const struct dynmon_judgement* judged = dynmon_judge(MODEL, features);
 *     if (judged && judged->attack)
 *         return DYNMON_DROP;
 *
 * Let it be the last thing that a program does, or nearly so: whatever the verifier knows of a
 * packet when it comes there, it follows the walk once more for.
 *
 * A model names its features; the loader finds them in the struct by its BTF. A second model, the
 * shadow, judges what the active one does, and nothing follows from its verdict.
 *
 * Loops count in 64 bits, as forget.h says.
 *
 * The step from a node to the next has no branch: a mispredicted one costs more than the step, and
 * each is two ways for the verifier. */
#ifndef DYNMON_FOREST_H
#define DYNMON_FOREST_H

#include "dynmon.h"
#include "forest_abi.h"

enum dynmon_model_slot {
    DYNMON_MODEL_ACTIVE = 0,
    DYNMON_MODEL_SHADOW = 1,
    DYNMON_MODEL_SLOTS = 2,
};

/* What a model said since its probe was loaded. */
struct dynmon_verdicts {
    __u64 judged;
    __u64 attacks;
    __u64 alone; /* attacks that are none to the other model of the two */
};

struct dynmon_judgement {
    __s64 score;
    __u8 hash[8];   /* of the model that judged */
    __u32 is_there; /* 0: the slot has no model */
    __u32 attack;
};

/* What the engine works on, and what it says. In a map's value and not on the stack: kernels before
 * 5.12 read the stack only at offsets that they know, and what one model said of a packet would be
 * a state of the verifier's own, in which it follows the walk of the other one again. */
struct dynmon_forest_scratch {
    __u32 features[DYNMON_FOREST_FEATURES + 1]; /* number 63 stays 0 */
    struct dynmon_judgement active;
    struct dynmon_judgement shadow;
};

/* `nodes`: how many a model may have, a power of two. `type`: where features are gathered from, of
 * a multiple of 8 bytes. A model is one value of a map of its own, so that a packet is judged by
 * one model and never by a mix of two. */
#define DYNMON_FOREST(NAME, nodes_, type_)                                                         \
    _Static_assert(((nodes_) & ((nodes_)-1)) == 0, "a power of two");                              \
    _Static_assert(sizeof(type_) % 8 == 0, "a multiple of 8 bytes");                               \
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
    };                                                                                             \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                                  \
        __uint(max_entries, DYNMON_MODEL_SLOTS);                                                   \
        __type(key, __u32);                                                                        \
        __array(values, struct NAME##_place);                                                      \
    } NAME SEC(".maps");                                                                           \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                   \
        __uint(max_entries, DYNMON_MODEL_SLOTS);                                                   \
        __type(key, __u32);                                                                        \
        __type(value, struct dynmon_verdicts);                                                     \
    } NAME##_verdicts SEC(".maps");                                                                \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                   \
        __uint(max_entries, 1);                                                                    \
        __type(key, __u32);                                                                        \
        __type(value, struct dynmon_forest_scratch);                                               \
    } NAME##_scratch SEC(".maps");                                                                 \
    /* Never read: what they point to is in the object's BTF. */                                   \
    const struct NAME##_model* const volatile dynmon_model_##NAME = 0;                             \
    const type_* const volatile dynmon_features_##NAME = 0;                                        \
    static __always_inline void dynmon_judge_in_##NAME(                                            \
        __u32 slot, const type_* source, __u32* vector, struct dynmon_judgement* judged) {         \
        const __u32 only = 0;                                                                      \
        const struct NAME##_model* model = 0;                                                      \
        void* place = bpf_map_lookup_elem(&NAME, &slot);                                           \
        judged->is_there = 0;                                                                      \
        judged->attack = 0;                                                                        \
        if (place)                                                                                 \
            model = bpf_map_lookup_elem(place, &only);                                             \
        if (!model || model->forest.version != DYNMON_FOREST_VERSION)                              \
            return;                                                                                \
        dynmon_forest_gather(&model->forest, source, sizeof(*source), vector);                     \
        dynmon_forest_judge(&model->forest, model->nodes, NAME##_mask, vector, judged);            \
    }                                                                                              \
    static __always_inline void dynmon_note_##NAME(__u32 slot, const struct dynmon_judgement* own, \
                                                   const struct dynmon_judgement* other) {         \
        struct dynmon_verdicts* verdicts = bpf_map_lookup_elem(&NAME##_verdicts, &slot);           \
        if (!verdicts || !own->is_there)                                                           \
            return;                                                                                \
        verdicts->judged++;                                                                        \
        verdicts->attacks += own->attack;                                                          \
        verdicts->alone += own->attack & other->is_there & ~other->attack;                         \
    }                                                                                              \
    static __always_inline const struct dynmon_judgement* dynmon_judge_##NAME(                     \
        const type_* source) {                                                                     \
        const __u32 only = 0;                                                                      \
        struct dynmon_forest_scratch* scratch = bpf_map_lookup_elem(&NAME##_scratch, &only);       \
        if (!scratch)                                                                              \
            return 0;                                                                              \
        dynmon_judge_in_##NAME(DYNMON_MODEL_ACTIVE, source, scratch->features, &scratch->active);  \
        dynmon_judge_in_##NAME(DYNMON_MODEL_SHADOW, source, scratch->features, &scratch->shadow);  \
        dynmon_note_##NAME(DYNMON_MODEL_ACTIVE, &scratch->active, &scratch->shadow);               \
        dynmon_note_##NAME(DYNMON_MODEL_SHADOW, &scratch->shadow, &scratch->active);               \
        return scratch->active.is_there ? &scratch->active : 0;                                    \
    }                                                                                              \
    _Static_assert(1, "")

/* NULL: there is no active model. What it points to is good until the program ends. */
#define dynmon_judge(NAME, source) dynmon_judge_##NAME(source)

/* Any struct becomes a vector of numbers of 32 bits; what does not fit is the largest. */
static __always_inline void dynmon_forest_gather(const struct dynmon_forest* forest,
                                                 const void* source, __u32 size, __u32* vector) {
    for (__u64 i = 0; i < DYNMON_FOREST_FEATURES; i++) {
        const struct dynmon_gather* from = &forest->gather[i];
        const __u32 at = from->at & 0xfff8;
        __u64 value;

        if (i >= forest->features || at > size - 8)
            break;
        value = *(const __u64*)((const char*)source + at);
        if (from->at & 1)
            value = __builtin_bswap64(value);
        value = (value << (from->up & 63) >> (from->down & 63)) ^ from->flip;
        vector[i] = (__u32)value | -(__u32)dynmon_is_not_0(value >> 32);
    }
}

/* One step of one tree. */
static __always_inline __u32 dynmon_forest_step(const struct dynmon_node* nodes, __u32 mask,
                                                __u32 at, const __u32* features) {
    const struct dynmon_node* node = &nodes[at & mask];
    const __u32 next = node->next;
    __u64 beyond = (__u64)node->threshold - features[next & DYNMON_FOREST_FEATURES];

    barrier_var(beyond); /* else the compiler makes a branch of the sign */
    return (next >> 6) + (__u32)(beyond >> 63);
}

/* Several trees at once, so that one's loads do not wait for another's. */
static __always_inline __s64 dynmon_forest_group(const struct dynmon_node* nodes, __u32 mask,
                                                 const __u32* roots, __u32 depth,
                                                 const __u32* features) {
    __u32 a = roots[0], b = roots[1], c = roots[2], d = roots[3];
    __u32 e = roots[4], f = roots[5], g = roots[6], h = roots[7];

    for (__u64 level = 0; level < DYNMON_FOREST_DEPTH; level++) {
        if (level >= depth)
            break;
        a = dynmon_forest_step(nodes, mask, a, features);
        b = dynmon_forest_step(nodes, mask, b, features);
        c = dynmon_forest_step(nodes, mask, c, features);
        d = dynmon_forest_step(nodes, mask, d, features);
        e = dynmon_forest_step(nodes, mask, e, features);
        f = dynmon_forest_step(nodes, mask, f, features);
        g = dynmon_forest_step(nodes, mask, g, features);
        h = dynmon_forest_step(nodes, mask, h, features);
    }
    return (__s64)(__s32)nodes[a & mask].threshold + (__s32)nodes[b & mask].threshold +
           (__s32)nodes[c & mask].threshold + (__s32)nodes[d & mask].threshold +
           (__s32)nodes[e & mask].threshold + (__s32)nodes[f & mask].threshold +
           (__s32)nodes[g & mask].threshold + (__s32)nodes[h & mask].threshold;
}

/* One tree alone takes half of the time of a group. */
static __always_inline __s64 dynmon_forest_tree(const struct dynmon_node* nodes, __u32 mask,
                                                __u32 at, __u32 depth, const __u32* features) {
    for (__u64 level = 0; level < DYNMON_FOREST_DEPTH; level++) {
        if (level >= depth)
            break;
        at = dynmon_forest_step(nodes, mask, at, features);
    }
    return (__s32)nodes[at & mask].threshold;
}

static __always_inline void dynmon_forest_judge(const struct dynmon_forest* forest,
                                                const struct dynmon_node* nodes, __u32 mask,
                                                const __u32* features,
                                                struct dynmon_judgement* judged) {
    __s64 score = forest->base;

    if (forest->trees == 1) {
        score += dynmon_forest_tree(nodes, mask, forest->roots[0], forest->depth, features);
    } else {
        for (__u64 tree = 0; tree < DYNMON_FOREST_TREES; tree += DYNMON_FOREST_GROUP) {
            if (tree >= *(const volatile __u32*)&forest->trees)
                break;
            /* Loaded again: what the verifier has learnt of it would be a state of its own. */
            score += dynmon_forest_group(nodes, mask, forest->roots + tree,
                                         *(const volatile __u32*)&forest->depth, features);
        }
    }
    judged->score = score;
    judged->is_there = 1;
    judged->attack = score > forest->threshold;
    __builtin_memcpy(judged->hash, forest->hash, sizeof(judged->hash));
}

#endif
