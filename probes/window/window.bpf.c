// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// The latest packets of all sessions: a buffer that forgets the oldest when it is full.
#include "dynmon.h"
#include "session.h"

const volatile __u32 n_packet = 1000; // sizes of the maps
const volatile __u32 n_session = 10240;

struct packet {
    struct dynmon_session_key id;
    dynmon_time_ns_t timestamp;
    __u64 n_bytes;  // of IP, as on the wire
    __u32 segments; // packets on the wire
    __u8 reverse;   // sent by `daddr` of id
    __u8 direction; // enum dynmon_direction
};

struct session_value {
    DYNMON_SERVER_FIELDS
};

struct missed {
    DYNMON_SESSION_UNFIT
    __u64 not_buffered; // the buffer was busy
    __u64 estimated;    // frames of XDP that were several packets: counted by the MTU
};

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 1000);
    __type(value, struct packet);
} PACKET_WINDOW SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 10240);
    __type(key, struct dynmon_session_key);
    __type(value, struct session_value);
} SESSION_SERVERS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct missed);
} WINDOW_MISSED_INGRESS SEC(".maps"), WINDOW_MISSED_EGRESS SEC(".maps");

// The look-up is also what keeps a session from being evicted. An element is replaced as a whole,
// so that a reader never sees half of it.
static __always_inline void note_server(const struct dynmon_session_key* key,
                                        const struct dynmon_headers* headers, bool reverse) {
    const struct session_value* known = bpf_map_lookup_elem(&SESSION_SERVERS, key);
    struct dynmon_server_note note;
    struct session_value session;

    if (!known)
        note = dynmon_note_server(headers, reverse);
    else if (dynmon_likely(!dynmon_corrects_server(
                 key, headers, reverse, (const struct dynmon_server*)&known->server_ip, &note)))
        return;
    dynmon_set_server((struct dynmon_server*)&session.server_ip, key, &note);
    bpf_map_update_elem(&SESSION_SERVERS, key, &session, known ? BPF_ANY : BPF_NOEXIST);
}

static __always_inline enum dynmon_verdict record(struct dynmon_packet* pkt, void* missed) {
    struct dynmon_headers headers;
    struct packet packet;
    enum dynmon_session_fit fit = dynmon_session_packet(pkt, &headers);

    dynmon_count_estimated(missed, DYNMON_COUNTER(struct missed, estimated), pkt);
    if (fit == DYNMON_SESSION_FIT && dynmon_is_icmp(&headers))
        fit = DYNMON_SESSION_OTHER_PROTOCOL;
    if (fit != DYNMON_SESSION_FIT) {
        dynmon_count_packets(missed, fit, &headers);
        return DYNMON_PASS;
    }
    __builtin_memset(&packet, 0, sizeof(packet));
    packet.reverse = dynmon_session_key(&packet.id, &headers);
    packet.timestamp = dynmon_now();
    packet.n_bytes = dynmon_wire_bytes(pkt, &headers);
    packet.segments = headers.segments;
    packet.direction = pkt->direction;
    note_server(&packet.id, &headers, packet.reverse);
    if (bpf_map_push_elem(&PACKET_WINDOW, &packet, BPF_EXIST) != 0)
        dynmon_count(missed, DYNMON_COUNTER(struct missed, not_buffered));
    return DYNMON_PASS;
}

DYNMON_INGRESS(window_ingress) {
    return record(pkt, &WINDOW_MISSED_INGRESS);
}

DYNMON_EGRESS(window_egress) {
    return record(pkt, &WINDOW_MISSED_EGRESS);
}
