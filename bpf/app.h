/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the payload of a packet is, told by ports and first bytes: each packet for itself, so that
 * the middle of a web page is DATA. */
#ifndef DYNMON_APP_H
#define DYNMON_APP_H

#include "packet.h"

enum dynmon_app {
    DYNMON_APP_NONE = 0,   /* no payload */
    DYNMON_APP_DATA = 1,   /* none of the following */
    DYNMON_APP_DNS = 2,    /* port 53 */
    DYNMON_APP_FTP = 3,    /* TCP port 21 */
    DYNMON_APP_HTTP = 4,   /* TCP, a method or HTTP/ */
    DYNMON_APP_SSDP = 5,   /* UDP port 1900 */
    DYNMON_APP_SSL = 6,    /* TCP, a record of SSL 3 or TLS */
    DYNMON_APP_TELNET = 7, /* TCP port 23 */
};

static __always_inline bool dynmon_has_port(const struct dynmon_headers* headers, __u16 port) {
    return headers->sport == bpf_htons(port) || headers->dport == bpf_htons(port);
}

#define DYNMON_TEXT(a, b, c, d) ((__u32)(a) << 24 | (__u32)(b) << 16 | (__u32)(c) << 8 | (__u32)(d))

static __always_inline enum dynmon_app dynmon_app_by_bytes(__u32 start) {
    switch (start) {
    case DYNMON_TEXT('H', 'T', 'T', 'P'):
    case DYNMON_TEXT('G', 'E', 'T', ' '):
    case DYNMON_TEXT('P', 'O', 'S', 'T'):
    case DYNMON_TEXT('H', 'E', 'A', 'D'):
    case DYNMON_TEXT('P', 'U', 'T', ' '):
    case DYNMON_TEXT('D', 'E', 'L', 'E'):
    case DYNMON_TEXT('O', 'P', 'T', 'I'):
    case DYNMON_TEXT('P', 'A', 'T', 'C'):
    case DYNMON_TEXT('C', 'O', 'N', 'N'):
    case DYNMON_TEXT('T', 'R', 'A', 'C'):
        return DYNMON_APP_HTTP;
    default: /* content type 20 to 23, version 3.0 to 3.4 */
        return start >> 24 >= 20 && start >> 24 <= 23 && (start >> 16 & 0xff) == 3 &&
                       (start >> 8 & 0xff) <= 4
                   ? DYNMON_APP_SSL
                   : DYNMON_APP_DATA;
    }
}

/* Of a packet whose L4 header is there, with so many bytes behind it. */
static __always_inline enum dynmon_app
dynmon_app(const struct dynmon_packet* pkt, const struct dynmon_headers* headers, __u32 payload) {
    __be32 start;

    if (!payload)
        return DYNMON_APP_NONE;
    if (headers->protocol == IPPROTO_UDP) {
        if (dynmon_has_port(headers, 53))
            return DYNMON_APP_DNS;
        return dynmon_has_port(headers, 1900) ? DYNMON_APP_SSDP : DYNMON_APP_DATA;
    }
    if (headers->protocol != IPPROTO_TCP)
        return DYNMON_APP_DATA;
    if (dynmon_has_port(headers, 53))
        return DYNMON_APP_DNS;
    if (dynmon_has_port(headers, 21))
        return DYNMON_APP_FTP;
    if (dynmon_has_port(headers, 23))
        return DYNMON_APP_TELNET;
    if (payload < sizeof(start) ||
        !dynmon_load(pkt, headers->l4_offset + headers->l4_header, &start))
        return DYNMON_APP_DATA;
    return dynmon_app_by_bytes(bpf_ntohl(start));
}

#endif
