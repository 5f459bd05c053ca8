/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Sessions: both directions of a conversation under one key, and which end of it is the server.
 *
 *     struct missed {
 *         DYNMON_SESSION_UNFIT
 *         __u64 map_full;
 *     };
 *
 *     fit = dynmon_session_packet(pkt, &headers);
 *     if (fit != DYNMON_SESSION_FIT)
 *         dynmon_count_packets(&MISSED, fit, &headers);
 *     …
 *     reverse = dynmon_session_key(&key, &headers);
 */
#ifndef DYNMON_SESSION_H
#define DYNMON_SESSION_H

#include "count.h"
#include "packet.h"
#include "tunnel.h"

/* Canonical: the lower address (as big-endian numbers of 16 bytes) is `saddr`, with equal addresses
 * the lower port is `sport`. Every byte is a field. */
struct dynmon_session_key {
    dynmon_ip_t saddr;
    dynmon_ip_t daddr;
    dynmon_port_t sport; /* ICMP and later fragments: 0 */
    dynmon_port_t dport;
    dynmon_proto_t proto;
    __u8 ip_version;
    __u16 vlan;
};

/* Why a packet belongs to no session: the number of its counter in a struct that starts with
 * DYNMON_SESSION_UNFIT. */
enum dynmon_session_fit {
    DYNMON_SESSION_FRAGMENT = 0, /* a later one, of any protocol: only if it was asked for */
    DYNMON_SESSION_MALFORMED = 1,
    DYNMON_SESSION_NOT_IP = 2,
    DYNMON_SESSION_OTHER_PROTOCOL = 3, /* than TCP, UDP, ICMP */
    DYNMON_SESSION_TUNNEL = 4,         /* other than those in UDP */
    DYNMON_SESSION_FIT = 0x7fffffff,
};

#define DYNMON_SESSION_UNFIT                                                                       \
    __u64 fragment;                                                                                \
    __u64 malformed;                                                                               \
    __u64 not_ip;                                                                                  \
    __u64 other_protocol;                                                                          \
    __u64 tunnel;

static __always_inline bool dynmon_is_icmp(const struct dynmon_headers* headers) {
    return dynmon_is_icmp_protocol(headers->protocol);
}

/* Bytes behind the IP header and its extensions. */
static __always_inline __u32 dynmon_l4_bytes(const struct dynmon_headers* headers) {
    return headers->ip_bytes - (headers->l4_offset - headers->l3_offset);
}

/* Bytes behind the L4 header, none if it is cut off; of a later fragment all behind the IP header.
 */
static __always_inline __u32 dynmon_payload(const struct dynmon_headers* headers) {
    const __u32 left = dynmon_l4_bytes(headers);

    if (headers->l4_header > left || (!headers->l4_header && dynmon_has_ports(headers->protocol) &&
                                      headers->fragment != DYNMON_FRAGMENT_LATER))
        return 0;
    return left - headers->l4_header;
}

/* A first fragment may end within the L4 header, but not before the ninth byte of it: fragments are
 * cut at multiples of 8. */
static __always_inline bool dynmon_has_whole_l4(const struct dynmon_headers* headers) {
    const __u32 left = dynmon_l4_bytes(headers);

    if (headers->fragment == DYNMON_FRAGMENT_FIRST)
        return left >= 8;
    if (headers->protocol == IPPROTO_TCP && headers->l4_header < sizeof(struct tcphdr))
        return false;
    return headers->l4_header && headers->l4_header <= left;
}

/* Reads the packet; DYNMON_SESSION_FIT and DYNMON_SESSION_FRAGMENT: `headers` is filled. */
static __always_inline enum dynmon_session_fit
dynmon_session_packet(struct dynmon_packet* pkt, struct dynmon_headers* headers) {
    const enum dynmon_parsed parsed = dynmon_parse(pkt, headers);

    if (parsed != DYNMON_IP)
        return parsed == DYNMON_NOT_IP ? DYNMON_SESSION_NOT_IP : DYNMON_SESSION_MALFORMED;
    dynmon_renew(pkt);
    if (headers->fragment == DYNMON_FRAGMENT_LATER)
        return DYNMON_SESSION_FRAGMENT;
    if (headers->protocol != IPPROTO_TCP && headers->protocol != IPPROTO_UDP &&
        !dynmon_is_icmp(headers))
        return dynmon_tunnel(headers) ? DYNMON_SESSION_TUNNEL : DYNMON_SESSION_OTHER_PROTOCOL;
    return dynmon_has_whole_l4(headers) ? DYNMON_SESSION_FIT : DYNMON_SESSION_MALFORMED;
}

static __always_inline __u64 dynmon_ip_half(const dynmon_ip_t* ip, __u32 half) {
    const __be32* words = (const __be32*)ip->bytes + 2 * half;

    return (__u64)bpf_ntohl(words[0]) << 32 | bpf_ntohl(words[1]);
}

static __always_inline bool dynmon_is_reverse(const struct dynmon_headers* headers) {
#pragma unroll
    for (__u32 half = 0; half < 2; half++) {
        const __u64 source = dynmon_ip_half(&headers->saddr, half);
        const __u64 destination = dynmon_ip_half(&headers->daddr, half);
        if (source != destination)
            return source > destination;
    }
    return !dynmon_is_icmp(headers) && bpf_ntohs(headers->sport) > bpf_ntohs(headers->dport);
}

/* Fills all of `key`. True: the packet was sent by `daddr` of the key. */
static __always_inline bool dynmon_session_key(struct dynmon_session_key* key,
                                               const struct dynmon_headers* headers) {
    const bool reverse = dynmon_is_reverse(headers);
    const dynmon_port_t dport = dynmon_is_icmp(headers) ? 0 : headers->dport;

    if (reverse) {
        key->saddr = headers->daddr;
        key->daddr = headers->saddr;
    } else {
        key->saddr = headers->saddr;
        key->daddr = headers->daddr;
    }
    key->sport = reverse ? dport : headers->sport;
    key->dport = reverse ? headers->sport : dport;
    key->proto = headers->protocol;
    key->ip_version = headers->ip_version;
    key->vlan = headers->vlan;
    return dynmon_forget(reverse);
}

/* How the server was found; the numbers of the first three are those of the original probe. */
enum dynmon_server_method {
    DYNMON_SERVER_SYN = 1,        /* the side that gets the SYN or sends the SYN with ACK */
    DYNMON_SERVER_KNOWN_PORT = 2, /* the side with a port below 1024; both: the destination */
    DYNMON_SERVER_LOWER_PORT = 3, /* equal ports: the destination */
    DYNMON_SERVER_ECHO = 4,       /* the side that gets an ICMP echo request or sends the reply */
};

/* The server of a session: in a map's value as DYNMON_SERVER_FIELDS. */
#define DYNMON_SERVER_FIELDS                                                                       \
    dynmon_ip_t server_ip;                                                                         \
    dynmon_port_t server_port;                                                                     \
    __u8 method; /* enum dynmon_server_method; 0: not known */                                     \
    __u8 server_ip_version;

struct dynmon_server {
    DYNMON_SERVER_FIELDS
} __attribute__((may_alias));

/* The same beside a key. */
struct dynmon_server_note {
    __u8 method;
    bool at_source; /* the server is `saddr` and `sport` of the key */
};

/* DYNMON_SERVERS(SERVERS, 20000);
 * What is known of the servers of sessions. Not to be swapped: it outlives the window, so that a
 * session has the same server in the next one. */
#define DYNMON_SERVERS(NAME, entries)                                                              \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_LRU_HASH);                                                       \
        __uint(max_entries, entries);                                                              \
        __type(key, struct dynmon_session_key);                                                    \
        __type(value, struct dynmon_server_note);                                                  \
    } NAME SEC(".maps")

/* Opens a connection. With FIN or RST it is no SYN that a host answers. */
static __always_inline bool dynmon_is_syn(const struct dynmon_headers* headers) {
    return (headers->tcp_flags & (DYNMON_TCP_SYN | DYNMON_TCP_FIN | DYNMON_TCP_RST)) ==
           DYNMON_TCP_SYN;
}

/* What the packet says: the method in the lower byte, and whether it is the source above. */
static __always_inline __u32 dynmon_server_guess(const struct dynmon_headers* headers) {
    const __u16 sport = bpf_ntohs(headers->sport);
    const __u16 dport = dynmon_is_icmp(headers) ? 0 : bpf_ntohs(headers->dport);

    if (dynmon_is_syn(headers))
        return (headers->tcp_flags & 0x10) << 4 | DYNMON_SERVER_SYN;
    if (dynmon_is_icmp(headers)) {
        const bool v4 = headers->protocol == IPPROTO_ICMP;
        if (headers->icmp_type == (v4 ? 8 : 128))
            return DYNMON_SERVER_ECHO;
        if (headers->icmp_type == (v4 ? 0 : 129))
            return 1 << 8 | DYNMON_SERVER_ECHO;
    }
    if (dport < 1024)
        return DYNMON_SERVER_KNOWN_PORT;
    if (sport < 1024)
        return 1 << 8 | DYNMON_SERVER_KNOWN_PORT;
    return (sport < dport) << 8 | DYNMON_SERVER_LOWER_PORT;
}

/* `reverse`: as dynmon_session_key() says it. */
static __always_inline struct dynmon_server_note
dynmon_note_server(const struct dynmon_headers* headers, bool reverse) {
    const __u32 guess = dynmon_forget(dynmon_server_guess(headers));
    const struct dynmon_server_note note = {.method = guess, .at_source = (guess >> 8) != reverse};

    return note;
}

/* The best is the largest: a SYN is certain, a host answers the echo request that it gets, a
 * program needs rights to listen below port 1024, the lower of two other ports is a guess. 0: not
 * known. */
static __always_inline __u32 dynmon_server_rank(__u32 method) {
    const __u32 ranks = 4 << 4 * DYNMON_SERVER_SYN | 3 << 4 * DYNMON_SERVER_ECHO |
                        2 << 4 * DYNMON_SERVER_KNOWN_PORT | 1 << 4 * DYNMON_SERVER_LOWER_PORT;

    return ranks >> 4 * (method & 7) & 15;
}

/* What `headers` say, `fresh`, against what is known. Better knowledge replaces worse, and a SYN
 * without ACK an older one: it opens another connection between the same ports. */
static __always_inline bool dynmon_is_better(const struct dynmon_headers* headers,
                                             const struct dynmon_server_note* fresh, __u32 method,
                                             bool at_source) {
    if (fresh->method == DYNMON_SERVER_SYN && method == DYNMON_SERVER_SYN)
        return fresh->at_source != at_source && !(headers->tcp_flags & 0x10);
    return dynmon_server_rank(fresh->method) > dynmon_server_rank(method);
}

static __always_inline void dynmon_set_server(struct dynmon_server* server,
                                              const struct dynmon_session_key* key,
                                              const struct dynmon_server_note* note) {
    if (note->at_source) {
        server->server_ip = key->saddr;
        server->server_port = key->sport;
    } else {
        server->server_ip = key->daddr;
        server->server_port = key->dport;
    }
    server->server_ip_version = key->ip_version;
    server->method = note->method;
}

static __always_inline void dynmon_remember(void* servers, const struct dynmon_session_key* key,
                                            const struct dynmon_headers* headers,
                                            struct dynmon_server_note* note, bool recall) {
    const struct dynmon_server_note* known = bpf_map_lookup_elem(servers, key);

    if (!known || dynmon_is_better(headers, note, known->method, known->at_source))
        bpf_map_update_elem(servers, key, note, BPF_ANY);
    else if (recall)
        *note = *known;
}

/* The server of a session that is new to its table: what `servers`, a map of DYNMON_SERVERS, knows
 * or the packet says, whichever is better. */
static __always_inline void dynmon_find_server(void* servers, const struct dynmon_session_key* key,
                                               const struct dynmon_headers* headers, bool reverse,
                                               struct dynmon_server* server) {
    struct dynmon_server_note note = dynmon_note_server(headers, reverse);

    dynmon_remember(servers, key, headers, &note, true);
    dynmon_set_server(server, key, &note);
}

static __always_inline bool dynmon_is_at_source(const struct dynmon_server* server,
                                                const struct dynmon_session_key* key) {
    return server->server_port == key->sport &&
           dynmon_ip_half(&server->server_ip, 1) == dynmon_ip_half(&key->saddr, 1) &&
           dynmon_ip_half(&server->server_ip, 0) == dynmon_ip_half(&key->saddr, 0);
}

/* True: a later packet of the session knows the server better than `server` does, and
 * dynmon_set_server() has to follow. Later packets say nothing new by their ports alone. */
static __always_inline bool dynmon_corrects_server(const struct dynmon_session_key* key,
                                                   const struct dynmon_headers* headers,
                                                   bool reverse, const struct dynmon_server* server,
                                                   struct dynmon_server_note* note) {
    if (dynmon_likely(!dynmon_is_syn(headers) && !dynmon_is_icmp(headers)))
        return false;
    *note = dynmon_note_server(headers, reverse);
    return dynmon_is_better(headers, note, server->method, dynmon_is_at_source(server, key));
}

/* The server in a session's value that has DYNMON_SERVER_FIELDS. */
#define DYNMON_SERVER_OF(session) ((struct dynmon_server*)&(session)->server_ip)

#define DYNMON_REQUIRE_SERVERS(servers)                                                            \
    DYNMON_REQUIRE_KEY(servers, (struct dynmon_session_key*)0);                                    \
    DYNMON_REQUIRE_VALUE(servers, (struct dynmon_server_note*)0)

/* True: a packet of a session that has a server already knows it better; it is remembered, and is
 * `note` for dynmon_set_server(). */
#define dynmon_learn_server(servers_, ...)                                                         \
    ({                                                                                             \
        DYNMON_REQUIRE_SERVERS(servers_);                                                          \
        dynmon_relearn(servers_, __VA_ARGS__);                                                     \
    })

static __always_inline bool dynmon_relearn(void* servers, const struct dynmon_session_key* key,
                                           const struct dynmon_headers* headers, bool reverse,
                                           const struct dynmon_server* server,
                                           struct dynmon_server_note* note) {
    if (!dynmon_corrects_server(key, headers, reverse, server, note))
        return false;
    dynmon_remember(servers, key, headers, note, false);
    return true;
}

/* A session of which its table has nothing yet, made from `initial`, whose server this fills in;
 * NULL: the table is full. */
#define dynmon_new_session(sessions_, servers_, key_, headers_, reverse_, initial_, server_)       \
    ({                                                                                             \
        DYNMON_REQUIRE_SERVERS(servers_);                                                          \
        dynmon_find_server(servers_, key_, headers_, reverse_, server_);                           \
        dynmon_lookup_or_init(sessions_, key_, initial_);                                          \
    })

#endif
