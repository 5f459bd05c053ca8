/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A forest of decision trees as bytes: what the loader writes and bpf/forest.h walks. Plain C, for
 * both sides; host byte order.
 *
 * A tree is its nodes, level by level. At a split a value of at most `threshold` goes on with node
 * `next >> 6`, a larger one with the node behind that. A leaf goes on with itself: its feature is
 * number 63, whose value is always 0, and its `threshold` is what it adds to the score, a signed
 * number. So a walk of `depth` steps ends at the leaf of any tree of that depth or less, and takes
 * the same time for every packet. */
#ifndef DYNMON_FOREST_ABI_H
#define DYNMON_FOREST_ABI_H

#ifndef DYNMON_H
#include <linux/types.h>
#endif

#define DYNMON_FOREST_FEATURES 63 /* numbers 0 to 62; number 63 is always 0 */
#define DYNMON_FOREST_TREES 120   /* in groups of 8 */
#define DYNMON_FOREST_GROUP 8
#define DYNMON_FOREST_DEPTH 16 /* steps from a root to its deepest leaf */
#define DYNMON_FOREST_VERSION 1

/* Where a feature is in the probe's struct: in the aligned 8 bytes at `at`, of which
 * `<< up >> down` leaves the field, and `^ flip` makes a rank of a signed number. */
struct dynmon_gather {
    __u16 at; /* bytes; the lowest bit: in network order */
    __u8 up;
    __u8 down;
    __u32 flip;
};

struct dynmon_node {
    __u32 threshold; /* of a leaf: __s32, its part of the score */
    __u32 next;      /* number of the left child << 6 | number of the feature */
};

struct dynmon_forest {
    __u32 version; /* 0: there is no model */
    __u32 trees;   /* roots beyond them are 0, and so is node 0: a leaf of value 0 */
    __u32 depth;
    __u32 features;
    __s64 base;      /* what the score starts with */
    __s64 threshold; /* the verdict is `attack` when the score is larger */
    __u8 hash[8];    /* the first bytes of the SHA-256 of the model's file */
    __u32 roots[DYNMON_FOREST_TREES];
    struct dynmon_gather gather[DYNMON_FOREST_FEATURES];
};

#endif
