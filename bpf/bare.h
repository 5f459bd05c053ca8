/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* For C that brings the structs of headers itself, its own or those of <linux/ip.h>: what the
 * loader asks of a program (entry, hand-over in the chain, clock), without vmlinux.h and without
 * the parser, whose structs would be defined twice. In the place of dynmon.h:
 *
 *     #include "bare.h"
 *
 *     struct iphdr { … };
 *
 *     DYNMON_TC(count, DYNMON_DIRECTION_INGRESS) {
 *         void* data = (void*)(long)ctx->data;
 *         …
 *         return DYNMON_PASS;
 *     }
 *
 * `ctx` is the struct __sk_buff or struct xdp_md of <linux/bpf.h>.
 *
 * A probe of several sources: `bpftool gen object` links their objects. One of them is made as
 * above; the others say `#define DYNMON_LINKED` first, and use the variables and maps of that one.
 */
#ifndef DYNMON_BARE_H
#define DYNMON_BARE_H

#ifdef DYNMON_H
#error "bare.h stands in the place of dynmon.h"
#endif
#define DYNMON_BARE

#include "dynmon.h"

/* A program `name` for TC, of one direction. */
#define DYNMON_TC(name, direction)                                                                 \
    static __always_inline enum dynmon_verdict dynmon_body_##name(struct __sk_buff* ctx);          \
    SEC("tc") int name(struct __sk_buff* ctx) {                                                    \
        return dynmon_leave_tc(ctx, DYNMON_MEASURED_(direction, dynmon_body_##name(ctx)));         \
    }                                                                                              \
    static __always_inline enum dynmon_verdict dynmon_body_##name(struct __sk_buff* ctx)

/* A program `name` for XDP. */
#define DYNMON_XDP(name)                                                                           \
    static __always_inline enum dynmon_verdict dynmon_body_##name(struct xdp_md* ctx);             \
    SEC("xdp") int name(struct xdp_md* ctx) {                                                      \
        return dynmon_leave_xdp(                                                                   \
            ctx, DYNMON_MEASURED_(DYNMON_DIRECTION_INGRESS, dynmon_body_##name(ctx)));             \
    }                                                                                              \
    static __always_inline enum dynmon_verdict dynmon_body_##name(struct xdp_md* ctx)

#endif
