// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A buffer of packets' features that fills, pauses and starts again, while no reader takes anything
// out.
#include "dynmon.h"
#include "packet_features.h"

const volatile __u32 n_session = 10; // sizes of the maps; the buffer has n_session times as many
const volatile __u32 n_packet_per_session = 10;
const volatile dynmon_duration_ns_t session_accept_restart = 5000000000;
const volatile dynmon_duration_ns_t session_packet_restart = 1000000000;
const volatile dynmon_duration_ns_t buffer_packet_restart = 1000000000;

// All that is decided about a packet is decided under this one lock.
struct capture_info {
    __u32 next_index; // where the next packet goes
    __u32 n_session_tracking;
    dynmon_time_ns_t last_session_ins;
    dynmon_time_ns_t last_packet_ins;
    __u32 round; // how often tracking of sessions started again
    struct bpf_spin_lock lock;
};

struct session_value {
    dynmon_time_ns_t last_ins;
    __u32 n_packets;
    __u32 round; // in which it was accepted, counted from 1; 0: not yet
};

// Packets that are not in the buffer.
struct missed {
    DYNMON_SESSION_UNFIT
    __u64 map_full;      // there was no room for the session
    __u64 session_limit; // as many sessions are tracked as may be
    __u64 packet_limit;  // the session has all its packets
    __u64 buffer_full;
    __u64 estimated; // frames of XDP that were several packets: counted by the MTU
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct capture_info);
} CAPTURE_INFO SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 100);
    __type(key, __u32);
    __type(value, struct features);
} PACKET_BUFFER SEC(".maps");

// Larger than n_session: an LRU evicts long before it is full.
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 10240);
    __type(key, struct dynmon_session_key);
    __type(value, struct session_value);
} SESSIONS_TRACKED SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct missed);
} FEATURES_MISSED_INGRESS SEC(".maps"), FEATURES_MISSED_EGRESS SEC(".maps");

#define COUNTER(field) DYNMON_COUNTER(struct missed, field)
#define TAKEN 0xffffffffU

// `now` may be older than `since`, which another CPU has written.
static __always_inline bool is_over(dynmon_time_ns_t now, dynmon_time_ns_t since,
                                    dynmon_duration_ns_t pause) {
    return now >= since + pause;
}

static __always_inline bool accepts_session(const struct capture_info* info, __u64 now) {
    return info->n_session_tracking < n_session ||
           is_over(now, info->last_session_ins, session_accept_restart);
}

static __always_inline bool accept_session(struct capture_info* info, struct session_value* session,
                                           __u64 now) {
    if (session->round == info->round + 1)
        return true;
    if (!accepts_session(info, now))
        return false;
    if (info->n_session_tracking >= n_session) {
        info->n_session_tracking = 0;
        info->round++;
    }
    info->n_session_tracking++;
    info->last_session_ins = now;
    session->round = info->round + 1;
    session->n_packets = 0;
    return true;
}

// Under the lock. The counter of why there is no place, or TAKEN and which it is.
static __always_inline __u32 take_place(struct capture_info* info, struct session_value* session,
                                        __u64 now, __u32* index) {
    if (info->next_index >= n_session * n_packet_per_session) {
        if (!is_over(now, info->last_packet_ins, buffer_packet_restart))
            return COUNTER(buffer_full);
        info->next_index = 0;
    }
    if (!accept_session(info, session, now))
        return COUNTER(session_limit);
    if (session->n_packets >= n_packet_per_session) {
        if (!is_over(now, session->last_ins, session_packet_restart))
            return COUNTER(packet_limit);
        session->n_packets = 0;
    }
    session->n_packets++;
    session->last_ins = now;
    info->last_packet_ins = now;
    *index = info->next_index++;
    return TAKEN;
}

// What would not be accepted is not inserted either: it would evict what is tracked.
static __always_inline __u32 find_session(const struct capture_info* info,
                                          const struct dynmon_session_key* key, __u64 now,
                                          struct session_value** session) {
    const struct session_value none = {};

    *session = bpf_map_lookup_elem(&SESSIONS_TRACKED, key);
    if (*session)
        return TAKEN;
    if (!accepts_session(info, now))
        return COUNTER(session_limit);
    *session = dynmon_lookup_or_init(&SESSIONS_TRACKED, key, &none);
    return *session ? TAKEN : COUNTER(map_full);
}

// The counter of why the packet is not in the buffer, or TAKEN.
static __always_inline __u32 store(const struct dynmon_packet* pkt,
                                   const struct dynmon_headers* headers) {
    const __u32 only = 0;
    const __u64 now = dynmon_now();
    struct capture_info* info = bpf_map_lookup_elem(&CAPTURE_INFO, &only);
    struct session_value* session;
    struct features features;
    struct features* slot;
    __u32 index = 0;
    __u32 why;
    const bool reverse = dynmon_session_key(&features.id, headers);

    if (!info)
        return TAKEN;
    why = find_session(info, &features.id, now, &session);
    if (why != TAKEN)
        return why;
    bpf_spin_lock(&info->lock);
    why = take_place(info, session, now, &index);
    bpf_spin_unlock(&info->lock);
    if (why != TAKEN)
        return why;
    slot = bpf_map_lookup_elem(&PACKET_BUFFER, &index);
    if (!slot)
        return COUNTER(buffer_full);
    fill_features(&features, pkt, headers, reverse);
    *slot = features;
    return TAKEN;
}

static __always_inline enum dynmon_verdict capture(struct dynmon_packet* pkt, void* missed) {
    struct dynmon_headers headers;
    __u32 why = dynmon_session_packet(pkt, &headers);

    dynmon_count_estimated(missed, COUNTER(estimated), pkt);
    if (has_features(why))
        why = store(pkt, &headers);
    if (why <= DYNMON_SESSION_TUNNEL)
        dynmon_count_packets(missed, why, &headers);
    else if (why != TAKEN)
        dynmon_count(missed, why);
    return DYNMON_PASS;
}

DYNMON_INGRESS(features_ingress) {
    return capture(pkt, &FEATURES_MISSED_INGRESS);
}

DYNMON_EGRESS(features_egress) {
    return capture(pkt, &FEATURES_MISSED_EGRESS);
}
