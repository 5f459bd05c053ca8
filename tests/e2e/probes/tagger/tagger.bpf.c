// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: TC programs of another owner that put VLAN tags on, as a VLAN device does: the
// outermost stays beside the frame, for the device to put it in.
// clang-format off
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8

SEC("tc") int one_tag(struct __sk_buff* ctx) {
    bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021Q), 10);
    return 0; // TC_ACT_OK
}

SEC("tc") int two_tags(struct __sk_buff* ctx) {
    bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021Q), 20);
    bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021AD), 10);
    return 0; // TC_ACT_OK
}
