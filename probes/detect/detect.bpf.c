// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A trained model judges every session, at its packets 2, 4, 8 and so on, and ends those that are
// attacks.
#include "budget.h"
#include "dynmon.h"
#include "forest.h"
#include "session.h"

const volatile bool enforce = false;          // else what would be dropped is counted only
const volatile __u32 first_verdict = 2;       // packets of a session
const volatile __u32 last_verdict = 4096;     // no later: the session has shown what it is
const volatile __u32 n_session = 65536;       // the size of the map
const volatile __u32 events_per_second = 100; // of all CPUs; 0: no limit

// What a model can ask for, of both directions of a session. A model names them.
struct session_features {
    __u64 bytes; // of IP
    __u64 bytes_back;
    __u64 payload;
    __u32 packets;
    __u32 packets_back; // against the direction of the first packet
    __u32 duration_us;
    __u32 gap_us; // the longest between two packets
    __u32 syns;
    __u32 acks;
    __u32 fins;
    __u32 resets;
    __u16 longest; // bytes of IP of a packet
    __u16 shortest;
    dynmon_port_t port; // that the first packet went to; ICMP: 0
    dynmon_proto_t protocol;
    __u8 tcp_flags; // of all packets, or-ed
};

DYNMON_FOREST(MODEL, 65536, struct session_features);

struct session_value {
    struct session_features features;
    dynmon_time_ns_t first;
    dynmon_time_ns_t last;
    __s64 score; // of the last verdict
    __u64 dropped;
    __u8 model[8]; // the first bytes of the SHA-256 of its file
    __u32 verdicts;
    bool attack;
    bool reversed; // the first packet was sent by daddr of the key
    __u8 padding[2];
};

// The evidence for a verdict: an event for each attack.
struct attack {
    dynmon_time_ns_t time;
    struct dynmon_session_key session;
    bool reversed;
    __u8 padding[3];
    __s64 score;
    __u8 model[8];
    struct session_features features;
};

DYNMON_EVENTS(ATTACKS, struct attack, 1 << 18);

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct dynmon_budget);
} BUDGET SEC(".maps");

// Made here and not on the stack, of which the walk of the forest is to know nothing.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct attack);
} EVIDENCE SEC(".maps");

struct detected {
    __u64 judged;     // verdicts
    __u64 attacks;    // sessions
    __u64 dropped;    // packets
    __u64 would_drop; // packets, while `enforce` is off
    __u64 no_model;   // verdicts that were due
    __u64 map_full;
    __u64 not_judged;        // packets that are in no session
    __u64 events;            // sent
    __u64 events_suppressed; // beyond `events_per_second`
    __u64 events_lost;       // no room in ATTACKS
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct dynmon_session_key);
    __type(value, struct session_value);
} SESSIONS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct detected);
} DETECTED SEC(".maps");

#define COUNT(field) dynmon_count(&DETECTED, DYNMON_COUNTER(struct detected, field))

static __always_inline struct session_value* find_session(const struct dynmon_headers* headers,
                                                          dynmon_time_ns_t now, bool* back) {
    struct dynmon_session_key key;
    const bool reverse = dynmon_session_key(&key, headers);
    struct session_value* session = bpf_map_lookup_elem(&SESSIONS, &key);

    if (!dynmon_likely(session)) {
        struct session_value initial;

        __builtin_memset(&initial, 0, sizeof(initial));
        initial.first = initial.last = now;
        initial.reversed = reverse;
        initial.features.shortest = 0xffff;
        initial.features.port = headers->protocol == IPPROTO_TCP || headers->protocol == IPPROTO_UDP
                                    ? headers->dport
                                    : 0;
        initial.features.protocol = headers->protocol;
        session = dynmon_make(&SESSIONS, &key, &initial);
    }
    if (session)
        *back = reverse != session->reversed;
    return session;
}

// CPUs that see packets of one session at the same moment may take each other's longest, shortest
// and gap; sums are exact.
static __always_inline void add_packet(struct session_value* session,
                                       const struct dynmon_packet* pkt,
                                       const struct dynmon_headers* headers, dynmon_time_ns_t now,
                                       bool back) {
    struct session_features* features = &session->features;
    const __u64 gap_us = (now - session->last) / 1000;
    const __u64 duration_us = (now - session->first) / 1000;
    const __u64 bytes = dynmon_wire_bytes(pkt, headers);
    const __u32 each = headers->segments > 1 ? bytes / headers->segments : bytes;
    const __u8 flags = headers->protocol == IPPROTO_TCP ? headers->tcp_flags : 0;

    dynmon_add(&features->bytes, bytes);
    dynmon_add(&features->payload, dynmon_payload(headers));
    dynmon_add(&features->packets, headers->segments);
    if (back) {
        dynmon_add(&features->bytes_back, bytes);
        dynmon_add(&features->packets_back, headers->segments);
    }
    if (flags & DYNMON_TCP_SYN)
        dynmon_add(&features->syns, 1);
    if (flags & DYNMON_TCP_ACK)
        dynmon_add(&features->acks, headers->segments);
    if (flags & DYNMON_TCP_FIN)
        dynmon_add(&features->fins, 1);
    if (flags & DYNMON_TCP_RST)
        dynmon_add(&features->resets, 1);
    features->tcp_flags |= flags;
    if (each > features->longest)
        features->longest = each > 0xffff ? 0xffff : each;
    if (each < features->shortest)
        features->shortest = each;
    if (now > session->last) {
        if (gap_us > features->gap_us)
            features->gap_us = gap_us > 0xffffffff ? 0xffffffff : gap_us;
        features->duration_us = duration_us > 0xffffffff ? 0xffffffff : duration_us;
        session->last = now;
    }
}

// At the packets 2, 4, 8, …: a super-packet may leap over several of them.
static __always_inline bool is_due(const struct session_value* session) {
    const __u32 verdicts = session->verdicts;
    const __u64 next = (__u64)first_verdict << (verdicts & 31);

    return verdicts < 32 && session->features.packets >= next && next <= last_verdict &&
           !session->attack;
}

static __always_inline void tell(struct attack* attack, const struct session_value* session,
                                 dynmon_time_ns_t now) {
    attack->time = now;
    attack->reversed = session->reversed;
    attack->score = session->score;
    __builtin_memcpy(attack->model, session->model, sizeof(attack->model));
    attack->features = session->features;
    if (!dynmon_take_budget(&BUDGET, 0, events_per_second, now))
        COUNT(events_suppressed);
    else if (dynmon_emit(ATTACKS, attack))
        COUNT(events);
    else
        COUNT(events_lost);
}

static __always_inline void judge(struct session_value* session,
                                  const struct dynmon_headers* headers, dynmon_time_ns_t now) {
    const __u32 only = 0;
    struct attack* attack = bpf_map_lookup_elem(&EVIDENCE, &only);
    const struct dynmon_judgement* judged;

    if (!attack)
        return;
    dynmon_session_key(&attack->session, headers);
    judged = dynmon_judge(MODEL, &session->features);
    if (!judged) {
        COUNT(no_model);
        return;
    }
    session->verdicts++;
    session->score = judged->score;
    __builtin_memcpy(session->model, judged->hash, sizeof(session->model));
    COUNT(judged);
    if (judged->attack && !session->attack) {
        session->attack = true;
        COUNT(attacks);
        tell(attack, session, now);
    }
}

static __always_inline enum dynmon_verdict detect(struct dynmon_packet* pkt) {
    struct dynmon_headers headers;
    const dynmon_time_ns_t now = dynmon_now();
    struct session_value* session;
    bool back = false;

    if (dynmon_session_packet(pkt, &headers) != DYNMON_SESSION_FIT) {
        COUNT(not_judged);
        return DYNMON_PASS;
    }
    session = find_session(&headers, now, &back);
    if (!session) {
        COUNT(map_full);
        return DYNMON_PASS;
    }
    add_packet(session, pkt, &headers, now, back);
    if (is_due(session))
        judge(session, &headers, now);
    if (!session->attack)
        return DYNMON_PASS;
    if (!enforce) {
        COUNT(would_drop);
        return DYNMON_PASS;
    }
    dynmon_add(&session->dropped, 1);
    COUNT(dropped);
    return DYNMON_DROP;
}

DYNMON_INGRESS(detect_ingress) {
    return detect(pkt);
}

DYNMON_EGRESS(detect_egress) {
    return detect(pkt);
}
