/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which packets carry others inside, told by protocol and port: dynmon_parse() reads the outer one.
 */
#ifndef DYNMON_TUNNEL_H
#define DYNMON_TUNNEL_H

#include "packet.h"

/* The other numbers are in vmlinux.h. */
#ifndef IPPROTO_ETHERIP
#define IPPROTO_ETHERIP 97
#endif

enum dynmon_tunnel {
    DYNMON_TUNNEL_NONE = 0,
    DYNMON_TUNNEL_IPV4 = 1,      /* IP in IP, RFC 2003; 4in6 */
    DYNMON_TUNNEL_IPV6 = 2,      /* 6in4 and IPv6 in IPv6, RFC 4213 and 2473 */
    DYNMON_TUNNEL_GRE = 3,       /* RFC 2784, with Ethernet inside too */
    DYNMON_TUNNEL_VXLAN = 4,     /* UDP 4789, RFC 7348; 8472 as Linux had it first */
    DYNMON_TUNNEL_GENEVE = 5,    /* UDP 6081, RFC 8926 */
    DYNMON_TUNNEL_GTP_U = 6,     /* UDP 2152, 3GPP TS 29.281 */
    DYNMON_TUNNEL_WIREGUARD = 7, /* UDP 51820 at either end: its default, any other is not seen */
    DYNMON_TUNNEL_ESP = 8,       /* IPsec, RFC 4303; in UDP 4500, RFC 3948, with its IKE */
    DYNMON_TUNNEL_L2TP = 9,      /* protocol 115, RFC 3931; UDP 1701, RFC 2661 */
    DYNMON_TUNNEL_MPLS = 10,     /* protocol 137, RFC 4023; UDP 6635, RFC 7510 */
    DYNMON_TUNNEL_ETHERIP = 11,  /* RFC 3378 */
    DYNMON_TUNNEL_TEREDO = 12,   /* UDP 3544 at either end, RFC 4380 */
};

/* Port of the one that is spoken to; replies of most tunnels go to that port too. */
static __always_inline enum dynmon_tunnel dynmon_tunnel_to_port(__be16 port) {
    switch (bpf_ntohs(port)) {
    case 4789:
    case 8472:
        return DYNMON_TUNNEL_VXLAN;
    case 6081:
        return DYNMON_TUNNEL_GENEVE;
    case 2152:
        return DYNMON_TUNNEL_GTP_U;
    case 6635:
        return DYNMON_TUNNEL_MPLS;
    default:
        return DYNMON_TUNNEL_NONE;
    }
}

/* Port of those where a client keeps one of its own and is answered there. */
static __always_inline enum dynmon_tunnel dynmon_tunnel_at_port(__be16 port) {
    switch (bpf_ntohs(port)) {
    case 51820:
        return DYNMON_TUNNEL_WIREGUARD;
    case 4500:
        return DYNMON_TUNNEL_ESP;
    case 1701:
        return DYNMON_TUNNEL_L2TP;
    case 3544:
        return DYNMON_TUNNEL_TEREDO;
    default:
        return DYNMON_TUNNEL_NONE;
    }
}

/* The tunnel of a packet that dynmon_parse() called DYNMON_IP. A later fragment of UDP has no
 * ports: NONE. */
static __always_inline enum dynmon_tunnel dynmon_tunnel(const struct dynmon_headers* headers) {
    enum dynmon_tunnel tunnel;

    switch (headers->protocol) {
    case IPPROTO_IPIP:
        return DYNMON_TUNNEL_IPV4;
    case IPPROTO_IPV6:
        return DYNMON_TUNNEL_IPV6;
    case IPPROTO_GRE:
        return DYNMON_TUNNEL_GRE;
    case IPPROTO_ESP:
        return DYNMON_TUNNEL_ESP;
    case IPPROTO_L2TP:
        return DYNMON_TUNNEL_L2TP;
    case IPPROTO_MPLS:
        return DYNMON_TUNNEL_MPLS;
    case IPPROTO_ETHERIP:
        return DYNMON_TUNNEL_ETHERIP;
    case IPPROTO_UDP:
        break;
    default:
        return DYNMON_TUNNEL_NONE;
    }
    tunnel = dynmon_tunnel_to_port(headers->dport);
    if (tunnel == DYNMON_TUNNEL_NONE)
        tunnel = dynmon_tunnel_at_port(headers->dport);
    return tunnel != DYNMON_TUNNEL_NONE ? tunnel : dynmon_tunnel_at_port(headers->sport);
}

#endif
