// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Sections that libbpf 1.1 knows and does not know.
#include "common.h"

char LICENSE[] SEC("license") = "GPL";

SEC("kprobe/do_nothing") int on_kprobe(void* ctx) {
    return 0;
}
SEC("nonsense") int on_nonsense(void* ctx) {
    return 0;
}
SEC("xdp/devmap") int on_devmap(struct xdp_md* xdp) {
    return XDP_PASS;
}
SEC("tcx/ingress") int on_tcx(struct __sk_buff* skb) {
    return -1;
}
SEC("tc_egress") int on_tc_egress(struct __sk_buff* skb) {
    return -1;
}
SEC("xdp.frags") int on_frags(struct xdp_md* xdp) {
    return XDP_PASS;
}
SEC("?tc") int on_demand(struct __sk_buff* skb) {
    return -1;
}
