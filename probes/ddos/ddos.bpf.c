// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// What a detector of denial of service looks at: the first packets of every session, one by one.
#include "dynmon.h"
#include "packet_features.h"

const volatile __u32 n_session = 1024; // how many are tracked: the size of the maps
const volatile __u32 n_packet_per_session = 100;

struct session_value {
    DYNMON_SERVER_FIELDS
    __u32 n_captured; // packets in the buffer, or that found it full
    __u64 n_packets;  // all of the session, as the hook sees them
    struct bpf_spin_lock lock;
};

// Packets that are not in the buffer.
struct missed {
    DYNMON_SESSION_UNFIT
    __u64 map_full;   // of a session for which there was no room
    __u64 queue_full; // found the buffer full
    __u64 limit;      // of a session that has all its packets
    __u64 estimated;  // frames of XDP that were several packets: counted by the MTU
};

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 102400);
    __type(value, struct features);
} PACKET_BUFFER_DDOS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, struct dynmon_session_key);
    __type(value, struct session_value);
} SESSIONS_TRACKED_DDOS SEC(".maps");

DYNMON_SERVERS(SERVERS, 4096);

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct missed);
} DDOS_MISSED_INGRESS SEC(".maps"), DDOS_MISSED_EGRESS SEC(".maps");

// When two CPUs learn of a server at the same moment, the later one wins; the lock keeps address
// and method of one packet together.
static __always_inline struct session_value* find_session(const struct dynmon_session_key* key,
                                                          const struct dynmon_headers* headers,
                                                          bool reverse) {
    struct session_value* session = bpf_map_lookup_elem(&SESSIONS_TRACKED_DDOS, key);
    struct dynmon_server_note note;
    struct session_value initial;

    if (!dynmon_likely(session)) {
        __builtin_memset(&initial, 0, sizeof(initial));
        return dynmon_new_session(&SESSIONS_TRACKED_DDOS, &SERVERS, key, headers, reverse, &initial,
                                  DYNMON_SERVER_OF(&initial));
    }
    if (dynmon_learn_server(&SERVERS, key, headers, reverse, DYNMON_SERVER_OF(session), &note)) {
        bpf_spin_lock(&session->lock);
        dynmon_set_server(DYNMON_SERVER_OF(session), key, &note);
        bpf_spin_unlock(&session->lock);
    }
    return session;
}

// True for exactly n_packet_per_session packets, on however many CPUs: before Linux 5.12 no atomic
// operation tells what it found, so that a lock has to. A session that has its packets keeps them,
// so that a flood of its packets takes no lock.
static __always_inline bool take_place(struct session_value* session) {
    bool taken;

    if (session->n_captured >= n_packet_per_session)
        return false;
    bpf_spin_lock(&session->lock);
    taken = session->n_captured < n_packet_per_session;
    if (taken)
        session->n_captured++;
    bpf_spin_unlock(&session->lock);
    return taken;
}

static __always_inline enum dynmon_verdict capture(struct dynmon_packet* pkt, void* missed) {
    struct session_value* session;
    struct dynmon_headers headers;
    struct features features;
    const enum dynmon_session_fit fit = dynmon_session_packet(pkt, &headers);
    bool reverse;

    dynmon_count_estimated(missed, DYNMON_COUNTER(struct missed, estimated), pkt);
    if (!has_features(fit)) {
        dynmon_count_packets(missed, fit, &headers);
        return DYNMON_PASS;
    }
    reverse = dynmon_session_key(&features.id, &headers);
    session = find_session(&features.id, &headers, reverse);
    if (!session) {
        dynmon_count(missed, DYNMON_COUNTER(struct missed, map_full));
        return DYNMON_PASS;
    }
    dynmon_add(&session->n_packets, 1);
    if (!take_place(session)) {
        dynmon_count(missed, DYNMON_COUNTER(struct missed, limit));
        return DYNMON_PASS;
    }
    fill_features(&features, pkt, &headers, reverse);
    if (bpf_map_push_elem(&PACKET_BUFFER_DDOS, &features, 0) != 0)
        dynmon_count(missed, DYNMON_COUNTER(struct missed, queue_full));
    return DYNMON_PASS;
}

DYNMON_INGRESS(ddos_ingress) {
    return capture(pkt, &DDOS_MISSED_INGRESS);
}

DYNMON_EGRESS(ddos_egress) {
    return capture(pkt, &DDOS_MISSED_EGRESS);
}
