// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// expect: writes packets: bpf_
// may: drop
// The packet passes, but is another one, or cannot be found any more.
#define NO_CHAIN
#include "chain.h"

#define TC(name, call)                                                                             \
    SEC("tc") int name(struct __sk_buff* skb) {                                                    \
        call;                                                                                      \
        return TC_ACT_UNSPEC;                                                                      \
    }
#define XDP(name, call)                                                                            \
    SEC("xdp") int name(struct xdp_md* xdp) {                                                      \
        call;                                                                                      \
        return XDP_PASS;                                                                           \
    }

TC(cut, bpf_skb_change_tail(skb, 14, 0))
TC(hidden, bpf_skb_change_type(skb, 3))
TC(other_protocol, bpf_skb_change_proto(skb, 0xdd86, 0))
TC(headroom, bpf_skb_change_head(skb, 14, 0))
TC(room, bpf_skb_adjust_room(skb, 14, 0, 0))
TC(tagged, bpf_skb_vlan_push(skb, 0x0081, 1))
TC(untagged, bpf_skb_vlan_pop(skb))
TC(written, bpf_skb_store_bytes(skb, 0, "x", 1, 0))
TC(l3_sum, bpf_l3_csum_replace(skb, 24, 0, 1, 2))
TC(l4_sum, bpf_l4_csum_replace(skb, 36, 0, 1, 2))
TC(hash, bpf_set_hash(skb, 1))
TC(no_hash, bpf_set_hash_invalid(skb))
TC(congested, bpf_skb_ecn_set_ce(skb))
TC(late, bpf_skb_set_tstamp(skb, 1, 1))
TC(checksum, bpf_csum_update(skb, 1))
XDP(head, bpf_xdp_adjust_head(xdp, 14))
XDP(tail, bpf_xdp_adjust_tail(xdp, -14))
XDP(meta, bpf_xdp_adjust_meta(xdp, -4))
XDP(stored, bpf_xdp_store_bytes(xdp, 0, "x", 1))
