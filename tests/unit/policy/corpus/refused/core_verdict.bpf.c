// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: its older versions know no CO-RE
// expect: a verdict that it computes
// libbpf writes the number in when the program is loaded: XDP_PASS here need not be XDP_PASS there.
#define NO_CHAIN
#include <bpf/bpf_core_read.h>

#include "chain.h"

enum xdp_action___own { XDP_PASS___own = 2 };

SEC("xdp") int core_verdict(struct xdp_md* xdp) {
    return bpf_core_enum_value(enum xdp_action___own, XDP_PASS___own);
}
