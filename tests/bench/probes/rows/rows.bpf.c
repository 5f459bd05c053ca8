// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Judges one row after the other, so that no branch can be foreseen; and takes them without
// judging.
#include "dynmon.h"
#include "forest.h"

#define ROWS 16384

struct row {
    __u32 of[12];
};

DYNMON_FOREST(MODEL, 65536, struct row);

struct rows {
    struct row row[ROWS];
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct rows);
} TABLE SEC(".maps");

__u32 turn;
__u32 step; // 0: the same row again and again
__u64 seen;

static __always_inline const struct row* next_row(void) {
    const __u32 only = 0;
    const struct rows* rows = bpf_map_lookup_elem(&TABLE, &only);

    turn += step;
    return rows ? &rows->row[turn & (ROWS - 1)] : 0;
}

SEC("xdp") int take(struct xdp_md* ctx) {
    const struct row* row = next_row();

    if (row)
        seen += row->of[0] & 1;
    return XDP_PASS;
}

SEC("xdp") int judge(struct xdp_md* ctx) {
    const struct row* row = next_row();
    const struct dynmon_judgement* judged = row ? dynmon_judge(MODEL, row) : 0;

    if (judged)
        seen += judged->attack;
    return XDP_PASS;
}
