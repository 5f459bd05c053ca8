/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The one header a probe includes: entry points, chain hand-over, epoch clock, value types.
 *
 *     #include "dynmon.h"
 *
 *     struct {
 *         __uint(type, BPF_MAP_TYPE_ARRAY);
 *         __uint(max_entries, 1);
 *         __type(key, __u32);
 *         __type(value, __u64);
 *     } SEEN SEC(".maps");
 *
 *     DYNMON_INGRESS(count) {
 *         __u32 zero = 0;
 *         __u64* seen = bpf_map_lookup_elem(&SEEN, &zero);
 *         if (seen)
 *             dynmon_add(seen, pkt->segments);
 *         return DYNMON_PASS;
 *     }
 *
 * A parameter is a global `const volatile __u32 limit = 10;`: set at load time, and code that it
 * switches off is removed by the verifier. Names that start with dynmon_ or DYNMON_ are taken.
 * Everything is inlined: tail calls and bpf-to-bpf calls do not mix on arm64 before Linux 6.0.
 */
#ifndef DYNMON_H
#define DYNMON_H

#if !__has_include(<bpf/bpf_helpers.h>)
#error "bpf/bpf_helpers.h is missing: install the headers of libbpf (Debian: libbpf-dev)"
#endif

/* vmlinux.h first: the helper declarations use its types. */
/* clang-format off */
#include "vmlinux.h"

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "abi.h"
/* clang-format on */

/* Macros of the kernel's headers that BTF does not carry. */
#ifndef ETH_P_IP
#define ETH_P_IP 0x0800
#define ETH_P_ARP 0x0806
#define ETH_P_8021Q 0x8100
#define ETH_P_IPV6 0x86DD
#define ETH_P_8021AD 0x88A8
#endif
#ifndef TC_ACT_UNSPEC
#define TC_ACT_UNSPEC (-1)
#define TC_ACT_OK 0
#define TC_ACT_SHOT 2
#endif

#ifndef DYNMON_LICENSE
#define DYNMON_LICENSE "Dual BSD/GPL"
#endif
char dynmon_license[] SEC("license") = DYNMON_LICENSE;

/* Value types: the typedef's name travels in the BTF of the object and tells every reader what
 * the bytes stand for, so that 10.0.0.1 is printed and not 16777226. */
typedef __be32 dynmon_ipv4_t; /* network order */
typedef struct {
    __u8 bytes[16];
} __attribute__((aligned(4))) dynmon_ipv6_t;
typedef struct {
    __u8 bytes[16]; /* IPv6, or IPv4 as ::ffff:a.b.c.d */
} __attribute__((aligned(4))) dynmon_ip_t;
typedef struct {
    __u8 bytes[6];
} dynmon_mac_t;
typedef __be16 dynmon_port_t; /* network order */
typedef __u8 dynmon_proto_t;  /* IPPROTO_* */
typedef __u8 dynmon_tcp_flags_t;
typedef __u32 dynmon_ifindex_t;
typedef __u64 dynmon_time_ns_t;     /* since the Unix epoch, as dynmon_now() gives it */
typedef __u64 dynmon_duration_ns_t; /* between two of them */

/* Set by the loader before the program is loaded, so that the verifier sees constants. */
const volatile __u32 dynmon_slot = DYNMON_NO_SLOT;
const volatile bool dynmon_may_drop = false;
const volatile __u32 dynmon_clock_source = DYNMON_CLOCK_KTIME;
const volatile __u32 dynmon_link = DYNMON_LINK_ETHERNET;

/* Set by the loader while the program runs; alone in its section, one map value of 8 bytes. */
volatile __s64 dynmon_clock_base SEC(".data.dynmon") = 0;

/* Not 0 while somebody measures what the programs cost (the kernel's own statistics know only the
 * first program of a chain of tail calls). */
volatile __u64 dynmon_meter_on SEC(".data.dynmon_meter") = 0;

struct dynmon_cost {
    __u64 runs;
    __u64 ns;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32); /* enum dynmon_direction */
    __type(value, struct dynmon_cost);
} dynmon_meter SEC(".maps");

/* The loader puts the hook's own array in the place of this one. */
struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, DYNMON_CHAIN_SLOTS);
    __type(key, __u32);
    __type(value, __u32);
} dynmon_chain SEC(".maps");

/* Nanoseconds since the Unix epoch. Only the branch of the clock that the loader chose reaches the
 * verifier: a helper that an older kernel lacks is never seen there. */
static __always_inline dynmon_time_ns_t dynmon_now(void) {
    const __u32 source = dynmon_clock_source;
    __u64 now;

    if (source == DYNMON_CLOCK_TAI)
        now = bpf_ktime_get_tai_ns();
    else if (source == DYNMON_CLOCK_COARSE)
        now = bpf_ktime_get_coarse_ns();
    else if (source == DYNMON_CLOCK_BOOT)
        now = bpf_ktime_get_boot_ns();
    else
        now = bpf_ktime_get_ns();
    return now + dynmon_clock_base;
}

enum dynmon_verdict {
    DYNMON_PASS = 0,
    DYNMON_DROP = 1, /* obeyed only if the manifest says `verdict: drop` */
};

enum dynmon_direction {
    DYNMON_DIRECTION_INGRESS = 0,
    DYNMON_DIRECTION_EGRESS = 1,
};

enum dynmon_hook {
    DYNMON_HOOK_TC = 0,
    DYNMON_HOOK_XDP = 1,
};

/* What a probe sees of a packet, the same under TC and XDP. What is not used costs nothing. */
struct dynmon_packet {
    void* data;     /* first byte of the frame */
    void* data_end; /* behind the last byte that can be read directly (see dynmon_load) */
    void* ctx;      /* struct __sk_buff or struct xdp_md, by `hook` */
    __u32 len;      /* bytes of the frame, without a VLAN tag that the device took off */
    __u32 segments; /* packets on the wire that this one stands for (GRO, GSO); 1 under XDP */
    __u32 gso_segs; /* what the kernel says of that, if it does, otherwise 0 */
    __u32 gso_size; /* payload bytes of each of them; 0: not a super-packet */
    dynmon_ifindex_t ifindex;
    enum dynmon_direction direction;
    enum dynmon_hook hook;
    bool vlan_offloaded; /* the outermost VLAN tag is not in the bytes but here: */
    __u16 vlan_tci;
    __be16 vlan_proto;
};

/* Adds to a counter that several CPUs write. */
#define dynmon_add(counter, amount) ((void)__sync_fetch_and_add((counter), (amount)))

/* The value of `key`, made from `initial` when it is not there yet; NULL: the map is full. */
static __always_inline void* dynmon_lookup_or_init(void* map, const void* key,
                                                   const void* initial) {
    void* value = bpf_map_lookup_elem(map, key);

    if (value)
        return value;
    /* Another CPU may have been faster: then this fails and the second look finds its value. */
    bpf_map_update_elem(map, key, initial, BPF_NOEXIST);
    return bpf_map_lookup_elem(map, key);
}

/* Bytes of the headers that every segment of a super-packet repeats; 0 if they cannot be read.
 * Reads directly only: a call of a helper would stay in programs that do not use `segments`. */
static __always_inline __u32 dynmon_gso_header(void* data, void* data_end) {
    __u32 at = 0;
    __u8 proto = 0;
    __u8 version;

    if (dynmon_link == DYNMON_LINK_ETHERNET) {
        const struct ethhdr* eth = data;
        at = sizeof(*eth);
        if (data + at + 2 * sizeof(struct vlan_hdr) + sizeof(struct ipv6hdr) > data_end)
            return 0;
        __be16 ethertype = eth->h_proto;
#pragma unroll
        for (int tag = 0; tag < 2; tag++) {
            const struct vlan_hdr* vlan = data + at;
            if (ethertype != bpf_htons(ETH_P_8021Q) && ethertype != bpf_htons(ETH_P_8021AD))
                break;
            ethertype = vlan->h_vlan_encapsulated_proto;
            at += sizeof(*vlan);
        }
    } else if (data + sizeof(struct ipv6hdr) > data_end) {
        return 0;
    }
    version = *(__u8*)(data + at);
    if (version >> 4 == 4) {
        proto = ((const struct iphdr*)(data + at))->protocol;
        at += (version & 0xf) * 4;
    } else if (version >> 4 == 6) {
        proto = ((const struct ipv6hdr*)(data + at))->nexthdr;
        at += sizeof(struct ipv6hdr);
    }
    if (proto == IPPROTO_UDP)
        return at + sizeof(struct udphdr);
    if (proto != IPPROTO_TCP || data + at + sizeof(struct tcphdr) > data_end)
        return 0;
    return at + (*(__u8*)(data + at + 12) >> 4) * 4;
}

/* A super-packet from a virtual machine's host carries gso_size but not always gso_segs. */
static __always_inline __u32 dynmon_segments(const struct dynmon_packet* pkt, __u32 header) {
    if (pkt->gso_segs || !pkt->gso_size || header >= pkt->len)
        return pkt->gso_segs ? pkt->gso_segs : 1;
    return (pkt->len - header + pkt->gso_size - 1) / pkt->gso_size;
}

static __always_inline void dynmon_from_skb(struct dynmon_packet* pkt, struct __sk_buff* ctx,
                                            enum dynmon_direction direction) {
    pkt->data = (void*)(long)ctx->data;
    pkt->data_end = (void*)(long)ctx->data_end;
    pkt->ctx = ctx;
    pkt->len = ctx->len;
    pkt->gso_size = ctx->gso_size;
    pkt->gso_segs = ctx->gso_segs;
    pkt->segments = pkt->gso_segs;
    if (!pkt->gso_segs)
        pkt->segments = dynmon_segments(pkt, dynmon_gso_header(pkt->data, pkt->data_end));
    pkt->ifindex = ctx->ifindex;
    pkt->direction = direction;
    pkt->hook = DYNMON_HOOK_TC;
    pkt->vlan_offloaded = ctx->vlan_present;
    pkt->vlan_tci = ctx->vlan_tci;
    pkt->vlan_proto = ctx->vlan_proto;
}

static __always_inline void dynmon_from_xdp(struct dynmon_packet* pkt, struct xdp_md* ctx) {
    pkt->data = (void*)(long)ctx->data;
    pkt->data_end = (void*)(long)ctx->data_end;
    pkt->ctx = ctx;
    pkt->len = ctx->data_end - ctx->data;
    pkt->gso_segs = 0;
    pkt->gso_size = 0;
    pkt->segments = 1;
    pkt->ifindex = ctx->ingress_ifindex;
    pkt->direction = DYNMON_DIRECTION_INGRESS;
    pkt->hook = DYNMON_HOOK_XDP;
    pkt->vlan_offloaded = false;
    pkt->vlan_tci = 0;
    pkt->vlan_proto = 0;
}

/* What to take from the clock at the end to get the time in between, without what the reading of
 * the clock itself costs; 0: nobody measures. */
static __always_inline __u64 dynmon_meter_begin(void) {
    __u64 first, second;

    if (!dynmon_meter_on)
        return 0;
    first = bpf_ktime_get_ns();
    second = bpf_ktime_get_ns();
    return second + (second - first);
}

static __always_inline void dynmon_meter_end(__u64 began, __u32 direction) {
    struct dynmon_cost* cost;
    __s64 ns;

    if (!began)
        return;
    ns = bpf_ktime_get_ns() - began;
    cost = bpf_map_lookup_elem(&dynmon_meter, &direction);
    if (!cost)
        return;
    cost->runs++;
    if (ns > 0)
        cost->ns += ns;
}

/* The way out of a program: drop, or go on with the next one, or end the chain. The slot is a
 * constant for the verifier, so that the JIT makes the tail call a direct jump. */
static __always_inline int dynmon_leave_tc(struct __sk_buff* ctx, enum dynmon_verdict verdict) {
    if (dynmon_may_drop && verdict == DYNMON_DROP)
        return TC_ACT_SHOT;
    bpf_tail_call(ctx, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC; /* other owners' programs on this hook still run */
}

static __always_inline int dynmon_leave_xdp(struct xdp_md* ctx, enum dynmon_verdict verdict) {
    if (dynmon_may_drop && verdict == DYNMON_DROP)
        return XDP_DROP;
    bpf_tail_call(ctx, &dynmon_chain, dynmon_slot);
    return XDP_PASS;
}

#define DYNMON_TC_(name, direction)                                                                \
    SEC("tc") int name(struct __sk_buff* ctx) {                                                    \
        struct dynmon_packet pkt;                                                                  \
        enum dynmon_verdict verdict;                                                               \
        const __u64 began = dynmon_meter_begin();                                                  \
        dynmon_from_skb(&pkt, ctx, direction);                                                     \
        verdict = dynmon_body_##name(&pkt);                                                        \
        dynmon_meter_end(began, direction);                                                        \
        return dynmon_leave_tc(ctx, verdict);                                                      \
    }

#define DYNMON_XDP_(name)                                                                          \
    SEC("xdp") int name##_xdp(struct xdp_md* ctx) {                                                \
        struct dynmon_packet pkt;                                                                  \
        enum dynmon_verdict verdict;                                                               \
        const __u64 began = dynmon_meter_begin();                                                  \
        dynmon_from_xdp(&pkt, ctx);                                                                \
        verdict = dynmon_body_##name(&pkt);                                                        \
        dynmon_meter_end(began, DYNMON_DIRECTION_INGRESS);                                         \
        return dynmon_leave_xdp(ctx, verdict);                                                     \
    }

#define DYNMON_BODY_(name)                                                                         \
    static __always_inline enum dynmon_verdict dynmon_body_##name(struct dynmon_packet* pkt)

/* DYNMON_INGRESS(name) { … return DYNMON_PASS; }
 * The body sees `pkt` and becomes two programs: `name` for TC and `name_xdp` for XDP. */
#define DYNMON_INGRESS(name)                                                                       \
    DYNMON_BODY_(name);                                                                            \
    DYNMON_TC_(name, DYNMON_DIRECTION_INGRESS)                                                     \
    DYNMON_XDP_(name)                                                                              \
    DYNMON_BODY_(name)

/* As DYNMON_INGRESS, but one TC program: XDP sees no outgoing packets. */
#define DYNMON_EGRESS(name)                                                                        \
    DYNMON_BODY_(name);                                                                            \
    DYNMON_TC_(name, DYNMON_DIRECTION_EGRESS)                                                      \
    DYNMON_BODY_(name)

#endif
