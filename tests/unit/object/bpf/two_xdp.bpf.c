// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Two programs for one hook: the user has to choose.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp") int first(struct xdp_md* xdp) {
    return XDP_PASS;
}
SEC("xdp") int second(struct xdp_md* xdp) {
    return XDP_PASS;
}
