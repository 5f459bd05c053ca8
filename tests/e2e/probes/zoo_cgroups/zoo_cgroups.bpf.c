// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: storage of cgroups, which the kernel has since Linux 6.2.
#include "dynmon.h"

#define BPF_MAP_TYPE_CGRP_STORAGE 32

struct note {
    __u32 number;
    char text[8];
};

struct {
    __uint(type, BPF_MAP_TYPE_CGRP_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct note);
} ZOO_CGRP SEC(".maps");

SEC("xdp") int zoo_cgroups(struct xdp_md* ctx) {
    return XDP_PASS;
}
