// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// What a detector of crypto mining looks at: how much every session sends which way, and how long.
#include "dynmon.h"
#include "session.h"

const volatile __u32 n_session = 10000;               // how many are tracked: the size of the map
const volatile dynmon_duration_ns_t expire_after = 0; // 0: never

struct features {
    __u64 n_packets; // from saddr to daddr, as on the wire
    __u64 n_packets_reverse;
    __u64 n_bytes; // of IP, as on the wire
    __u64 n_bytes_reverse;
    dynmon_time_ns_t start_timestamp;
    dynmon_time_ns_t alive_timestamp;
    DYNMON_SERVER_FIELDS // set on the CPUs that know it: the smallest method is the best
};

// Packets that are in no session, but for the last two.
struct missed {
    DYNMON_SESSION_UNFIT
    __u64 map_full;
    __u64 expired;         // sessions that started again on a CPU
    __u64 expired_packets; // that were counted in them until then
    __u64 estimated;       // frames of XDP that were several packets: counted by the MTU
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, 10000);
    __type(key, struct dynmon_session_key);
    __type(value, struct features);
} SESSIONS_TRACKED_CRYPTO SEC(".maps");

DYNMON_SERVERS(SERVERS, 20000);

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct missed);
} CRYPTO_MISSED_INGRESS SEC(".maps"), CRYPTO_MISSED_EGRESS SEC(".maps");

// A new element is all zero on the other CPUs: they know no server until they see a SYN.
static __always_inline struct features* find_session(const struct dynmon_session_key* key,
                                                     const struct dynmon_headers* headers,
                                                     bool reverse) {
    struct features* session = bpf_map_lookup_elem(&SESSIONS_TRACKED_CRYPTO, key);
    struct dynmon_server_note note;
    struct features initial;

    if (!dynmon_likely(session)) {
        __builtin_memset(&initial, 0, sizeof(initial));
        return dynmon_new_session(&SESSIONS_TRACKED_CRYPTO, &SERVERS, key, headers, reverse,
                                  &initial, DYNMON_SERVER_OF(&initial));
    }
    // from a packet that knows it better than this CPU's copy
    if (dynmon_learn_server(&SERVERS, key, headers, reverse, DYNMON_SERVER_OF(session), &note))
        dynmon_set_server(DYNMON_SERVER_OF(session), key, &note);
    return session;
}

// Silence does not change the server.
static __always_inline void start_over(struct features* session, void* missed_map) {
    const __u32 only = 0;
    struct missed* missed = bpf_map_lookup_elem(missed_map, &only);

    if (missed) {
        missed->expired++;
        missed->expired_packets += session->n_packets + session->n_packets_reverse;
    }
    session->n_packets = session->n_packets_reverse = 0;
    session->n_bytes = session->n_bytes_reverse = 0;
    session->start_timestamp = 0;
}

static __always_inline void add_packet(struct features* session, const struct dynmon_packet* pkt,
                                       const struct dynmon_headers* headers, bool reverse,
                                       __u64 now) {
    const __u64 bytes = dynmon_wire_bytes(pkt, headers);

    if (!session->start_timestamp)
        session->start_timestamp = now;
    session->alive_timestamp = now;
    if (reverse) {
        session->n_packets_reverse += headers->segments;
        session->n_bytes_reverse += bytes;
    } else {
        session->n_packets += headers->segments;
        session->n_bytes += bytes;
    }
}

static __always_inline enum dynmon_verdict record(struct dynmon_packet* pkt, void* missed) {
    struct dynmon_session_key key;
    struct dynmon_headers headers;
    struct features* session;
    __u64 now;
    bool reverse;
    enum dynmon_session_fit fit = dynmon_session_packet(pkt, &headers);

    dynmon_count_estimated(missed, DYNMON_COUNTER(struct missed, estimated), pkt);
    if (fit == DYNMON_SESSION_FIT && dynmon_is_icmp(&headers))
        fit = DYNMON_SESSION_OTHER_PROTOCOL;
    if (fit != DYNMON_SESSION_FIT) {
        dynmon_count_packets(missed, fit, &headers);
        return DYNMON_PASS;
    }
    reverse = dynmon_session_key(&key, &headers);
    session = find_session(&key, &headers, reverse);
    if (!session) {
        dynmon_count_packets(missed, DYNMON_COUNTER(struct missed, map_full), &headers);
        return DYNMON_PASS;
    }
    now = dynmon_now();
    if (expire_after && session->start_timestamp && now > session->alive_timestamp + expire_after)
        start_over(session, missed);
    add_packet(session, pkt, &headers, reverse, now);
    return DYNMON_PASS;
}

DYNMON_INGRESS(crypto_ingress) {
    return record(pkt, &CRYPTO_MISSED_INGRESS);
}

DYNMON_EGRESS(crypto_egress) {
    return record(pkt, &CRYPTO_MISSED_EGRESS);
}
