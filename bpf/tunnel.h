/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which packets carry others inside, told by protocol and port: dynmon_parse() reads the outer one.
 */
#ifndef DYNMON_TUNNEL_H
#define DYNMON_TUNNEL_H

#include "packet.h"

#ifndef IPPROTO_IPIP
#define IPPROTO_IPIP 4
#define IPPROTO_GRE 47
#endif

enum dynmon_tunnel {
    DYNMON_TUNNEL_NONE = 0,
    DYNMON_TUNNEL_IPV4 = 1,   /* IP in IP, RFC 2003 */
    DYNMON_TUNNEL_IPV6 = 2,   /* 6in4 and IPv6 in IPv6, RFC 4213 and 2473 */
    DYNMON_TUNNEL_GRE = 3,    /* RFC 2784, with Ethernet inside too */
    DYNMON_TUNNEL_VXLAN = 4,  /* UDP 4789, RFC 7348 */
    DYNMON_TUNNEL_GENEVE = 5, /* UDP 6081, RFC 8926 */
    DYNMON_TUNNEL_GTP_U = 6,  /* UDP 2152, 3GPP TS 29.281 */
};

/* Of a packet that dynmon_parse() called DYNMON_IP. A later fragment has no ports: NONE. */
static __always_inline enum dynmon_tunnel dynmon_tunnel(const struct dynmon_headers* headers) {
    switch (headers->protocol) {
    case IPPROTO_IPIP:
        return DYNMON_TUNNEL_IPV4;
    case IPPROTO_IPV6:
        return DYNMON_TUNNEL_IPV6;
    case IPPROTO_GRE:
        return DYNMON_TUNNEL_GRE;
    case IPPROTO_UDP:
        if (headers->dport == bpf_htons(4789))
            return DYNMON_TUNNEL_VXLAN;
        if (headers->dport == bpf_htons(6081))
            return DYNMON_TUNNEL_GENEVE;
        if (headers->dport == bpf_htons(2152))
            return DYNMON_TUNNEL_GTP_U;
        return DYNMON_TUNNEL_NONE;
    default:
        return DYNMON_TUNNEL_NONE;
    }
}

#endif
