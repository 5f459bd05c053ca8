/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is known of one packet of a session: the input of a classifier that looks at packets.
 *
 * Each feature is a parameter of the probe that includes this. One that is switched off reads 0,
 * and its code is not in the program: the verifier takes it out. */
#ifndef DYNMON_PACKET_FEATURES_H
#define DYNMON_PACKET_FEATURES_H

#include "app.h"
#include "session.h"

const volatile bool fragments = true; /* captures those without an L4 header, with ports 0 */

const volatile bool with_timestamp = true;
const volatile bool with_length = true;
const volatile bool with_ip_flags = true;
const volatile bool with_tcp_len = true;
const volatile bool with_tcp_ack = true;
const volatile bool with_tcp_flags = true;
const volatile bool with_tcp_win = true;
const volatile bool with_udp_size = true;
const volatile bool with_icmp_type = true;
const volatile bool with_direction = true;
const volatile bool with_app = true;

struct features {
    struct dynmon_session_key id;
    dynmon_time_ns_t timestamp;
    __u32 length; /* of the IP packet, headers included */
    __u32 tcpLen; /* payload */
    __u32 tcpAck;
    __u16 ipFlagsFrag; /* as in the header of IPv4; of IPv6 the same made of its fragment header */
    __u16 tcpWin;
    __u16 udpSize;  /* payload of the datagram, as its header has it */
    __u16 segments; /* packets on the wire, of which the features are those of the whole */
    dynmon_tcp_flags_t tcpFlags;
    __u8 icmpType;  /* DYNMON_ICMP_UNKNOWN: a later fragment */
    __u8 reverse;   /* sent by `daddr` of id */
    __u8 direction; /* enum dynmon_direction */
    __u8 app;       /* enum dynmon_app */
};

static __always_inline bool has_features(enum dynmon_session_fit fit) {
    return fit == DYNMON_SESSION_FIT || (fragments && fit == DYNMON_SESSION_FRAGMENT);
}

static __always_inline __u16 ip_flags(const struct dynmon_packet* pkt,
                                      const struct dynmon_headers* headers) {
    __be16 field;

    if (headers->ip_version == 4)
        return dynmon_load(pkt, headers->l3_offset + 6, &field) ? bpf_ntohs(field) : 0;
    if (headers->fragment == DYNMON_FRAGMENT_FIRST)
        return 0x2000;
    /* The fragment header is the last one before what it is a fragment of. */
    if (headers->fragment != DYNMON_FRAGMENT_LATER ||
        !dynmon_load_rare(pkt, headers->l4_offset - 6, &field))
        return 0;
    return bpf_ntohs(field) >> 3 | (bpf_ntohs(field) & 1) << 13;
}

static __always_inline void fill_tcp(struct features* features, const struct dynmon_packet* pkt,
                                     const struct dynmon_headers* headers) {
    struct {
        __be32 ack;
        __be16 flags;
        __be16 window;
    } tcp; /* from the ninth byte of the header on */
    bool loaded;

    if (with_tcp_flags)
        features->tcpFlags = headers->tcp_flags;
    if (with_tcp_len)
        features->tcpLen = dynmon_forget(dynmon_payload(headers));
    if (!(with_tcp_ack || with_tcp_win))
        return;
    loaded = dynmon_l4_bytes(headers) >= 8 + sizeof(tcp) &&
             dynmon_load(pkt, headers->l4_offset + 8, &tcp);
    if (with_tcp_ack)
        features->tcpAck = dynmon_forget(loaded ? bpf_ntohl(tcp.ack) : 0);
    if (with_tcp_win)
        features->tcpWin = dynmon_forget(loaded ? bpf_ntohs(tcp.window) : 0);
}

static __always_inline void fill_udp(struct features* features, const struct dynmon_packet* pkt,
                                     const struct dynmon_headers* headers) {
    __be16 length;

    if (with_udp_size && dynmon_load(pkt, headers->l4_offset + 4, &length) &&
        bpf_ntohs(length) >= sizeof(struct udphdr))
        features->udpSize = bpf_ntohs(length) - sizeof(struct udphdr);
}

static __always_inline void fill_l4(struct features* features, const struct dynmon_packet* pkt,
                                    const struct dynmon_headers* headers) {
    if (headers->protocol == IPPROTO_TCP)
        fill_tcp(features, pkt, headers);
    else if (headers->protocol == IPPROTO_UDP)
        fill_udp(features, pkt, headers);
    else if (with_icmp_type)
        features->icmpType = headers->icmp_type;
    if (with_app)
        features->app = dynmon_app(pkt, headers, dynmon_payload(headers));
}

/* All of `features` but its id. Padding is zeroed: the bytes may go into a map as they are. */
static __always_inline void fill_features(struct features* features,
                                          const struct dynmon_packet* pkt,
                                          const struct dynmon_headers* headers, bool reverse) {
    __builtin_memset((void*)features + sizeof(features->id), 0,
                     sizeof(*features) - sizeof(features->id));
    features->segments = headers->segments > 0xffff ? 0xffff : headers->segments;
    if (with_timestamp)
        features->timestamp = dynmon_now();
    if (with_length)
        features->length = headers->ip_bytes;
    if (with_ip_flags)
        features->ipFlagsFrag = dynmon_forget(ip_flags(pkt, headers));
    if (with_direction) {
        features->reverse = dynmon_forget(reverse);
        features->direction = pkt->direction;
    }
    if (headers->fragment != DYNMON_FRAGMENT_LATER)
        fill_l4(features, pkt, headers);
    else if (with_icmp_type && dynmon_is_icmp(headers))
        features->icmpType = DYNMON_ICMP_UNKNOWN;
}

#endif
