/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the payload of a packet is, told by ports and first bytes: each packet for itself, so that
 * the middle of a web page is DATA. */
#ifndef DYNMON_APP_H
#define DYNMON_APP_H

#include "http.h"
#include "packet.h"

static __always_inline bool dynmon_has_port(const struct dynmon_headers* headers, __u16 port) {
    return headers->sport == bpf_htons(port) || headers->dport == bpf_htons(port);
}

/* What of a payload tells what it is; read as bytes, since it may lie anywhere. */
struct dynmon_app_start {
    __u8 bytes[5];
};

static __always_inline bool dynmon_is_printable(__u8 byte) {
    return byte - 0x20U < 0x5f;
}

/* A type of record that there is, SSL 3.0 to TLS 1.2 (1.3 calls itself so), and a length that a
 * record may have. */
static __always_inline bool dynmon_is_tls_record(const __u8* start) {
    const __u32 length = start[3] << 8 | start[4];

    return start[0] >= 20 && start[0] <= 23 && start[1] == 3 && start[2] <= 3 && length &&
           length < 18432; /* what TLS 1.2 may add to 2^14 */
}

/* Port 443 is that of TLS: records go on in the next packet, which starts anyhow. */
static __always_inline enum dynmon_app dynmon_app_by_bytes(const struct dynmon_app_start* start,
                                                           bool https) {
    const __u8* bytes = start->bytes;

    if (dynmon_is_http(bytes))
        return DYNMON_APP_HTTP;
    if (dynmon_is_tls_record(bytes))
        return DYNMON_APP_SSL;
    return https && !(dynmon_is_printable(bytes[0]) && dynmon_is_printable(bytes[1]) &&
                      dynmon_is_printable(bytes[2]) && dynmon_is_printable(bytes[3]))
               ? DYNMON_APP_SSL
               : DYNMON_APP_DATA;
}

#define DYNMON_FTP_LOOKED_AT 20 /* bytes: so many tshark looks at */

static __always_inline enum dynmon_app dynmon_app_of_ftp_data(const struct dynmon_packet* pkt,
                                                              const struct dynmon_headers* headers,
                                                              __u32 payload) {
    const __u32 at = headers->l4_offset + headers->l4_header;
    __u8 byte;

#pragma clang loop unroll(disable)
    for (__u64 i = 0; i < DYNMON_FTP_LOOKED_AT; i++) {
        if (i >= payload || !dynmon_load_rare(pkt, at + i, &byte))
            break;
        if (!(dynmon_is_printable(byte) || byte == '\n' || byte == '\r'))
            return DYNMON_APP_FTP_DATA;
    }
    return DYNMON_APP_FTP_TEXT;
}

/* Errors of ICMP quote the packet that they are about: its protocols are then among the packet's
 * own. A quoted fragment that is not the first one has no header behind that of IP. */
static __always_inline enum dynmon_app dynmon_app_of_icmp(const struct dynmon_packet* pkt,
                                                          const struct dynmon_headers* headers) {
    struct {
        __u8 version, tos;
        __be16 length, id, offset;
        __u8 ttl, protocol;
    } quoted;

    switch (headers->icmp_type) {
    case 3:  /* destination unreachable */
    case 4:  /* source quench */
    case 5:  /* redirect */
    case 11: /* time exceeded */
    case 12: /* parameter problem */
        break;
    default:
        return DYNMON_APP_DATA;
    }
    if (!dynmon_load_rare(pkt, headers->l4_offset + 8, &quoted) || quoted.version >> 4 != 4 ||
        quoted.offset & bpf_htons(0x1fff))
        return DYNMON_APP_NONE;
    if (quoted.protocol == IPPROTO_TCP)
        return DYNMON_APP_QUOTES_TCP;
    return quoted.protocol == IPPROTO_UDP ? DYNMON_APP_QUOTES_UDP : DYNMON_APP_NONE;
}

/* For a packet whose L4 header is there, with `payload` bytes behind it. */
static __always_inline enum dynmon_app
dynmon_app(const struct dynmon_packet* pkt, const struct dynmon_headers* headers, __u32 payload) {
    enum dynmon_app app = DYNMON_APP_DATA;
    struct dynmon_app_start start;
    bool https;

    if (!payload)
        return DYNMON_APP_NONE;
    if (headers->protocol == IPPROTO_UDP) {
        if (dynmon_has_port(headers, 53))
            return DYNMON_APP_DNS;
        if (dynmon_has_port(headers, 5353))
            return DYNMON_APP_MDNS;
        return dynmon_has_port(headers, 1900) ? DYNMON_APP_SSDP : DYNMON_APP_DATA;
    }
    if (headers->protocol == IPPROTO_ICMP)
        return dynmon_app_of_icmp(pkt, headers);
    if (headers->protocol != IPPROTO_TCP)
        return DYNMON_APP_DATA;
    if (dynmon_has_port(headers, 53))
        return DYNMON_APP_DNS;
    if (dynmon_has_port(headers, 20))
        return dynmon_app_of_ftp_data(pkt, headers, payload);
    if (dynmon_has_port(headers, 21))
        return DYNMON_APP_FTP;
    if (dynmon_has_port(headers, 23))
        return DYNMON_APP_TELNET;
    https = dynmon_has_port(headers, 443);
    if (payload < sizeof(start))
        app = https ? DYNMON_APP_SSL : DYNMON_APP_DATA;
    else if (dynmon_load(pkt, headers->l4_offset + headers->l4_header, &start))
        app = dynmon_app_by_bytes(&start, https);
    if (app == DYNMON_APP_HTTP)
        return dynmon_http(pkt, headers, payload);
    /* A page goes on in packets without a name, whatever they look like. */
    return dynmon_has_port(headers, 80) ? DYNMON_APP_NONE : app;
}

#endif
