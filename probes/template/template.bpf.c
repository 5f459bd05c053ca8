// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// template: counts what passes, layer by layer. Keep the layers that you need and change them.
#include "dynmon.h"
#include "packet.h"
#include "session.h"

// Parameters, set when it is loaded: --set transport=0. What is off costs nothing.
const volatile bool link = true;         // L2: frames by EtherType and VLAN
const volatile bool network = true;      // L3: packets by version and protocol of IP
const volatile bool transport = true;    // L4: packets by protocol and port of the service
const volatile bool per_session = false; // both ways of a conversation in one entry
const volatile bool per_packet = false;  // an event for every packet
const volatile bool payload = false;     // with its first bytes behind the TCP or UDP header
const volatile __u32 entries = 4096;     // of each table, see maps: in probe.yaml

// Every byte of a key has to be a field: a byte of padding would make equal keys differ.
struct link_key {
    enum dynmon_direction direction;
    dynmon_eth_proto_t ethertype;
    __u16 vlan;
};

struct network_key {
    enum dynmon_direction direction;
    __u16 ip_version;
    __u8 fragment; // enum dynmon_fragment
    dynmon_proto_t protocol;
};

struct transport_key {
    enum dynmon_direction direction;
    dynmon_port_t port; // the lower one of the two
    dynmon_tcp_flags_t tcp_flags;
    dynmon_proto_t protocol;
};

struct counted {
    __u64 packets; // as on the wire: a super-packet counts its segments
    __u64 bytes;   // of the frame on the link, of IP on the wire otherwise
};

struct session {
    dynmon_time_ns_t first;
    dynmon_time_ns_t last;
    __u64 packets; // from saddr to daddr of the key, see session.h
    __u64 bytes;
    __u64 packets_reverse; // the other way
    __u64 bytes_reverse;
};

struct packet {
    dynmon_time_ns_t time;
    dynmon_ip_t saddr;
    dynmon_ip_t daddr;
    dynmon_port_t sport;
    dynmon_port_t dport;
    enum dynmon_direction direction;
    __u32 bytes;
    dynmon_proto_t protocol;
    dynmon_tcp_flags_t tcp_flags;
    __u8 ttl;
    __u8 ip_version; // says of which version the addresses are
    __u8 start_size; // of start; 0: not asked for, or shorter
    __u8 start[8];   // of the payload
};

#define TABLE(name, key_type, value_type)                                                          \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_PERCPU_HASH);                                                    \
        __uint(max_entries, 4096);                                                                 \
        __type(key, key_type);                                                                     \
        __type(value, value_type);                                                                 \
    } name SEC(".maps")

TABLE(LINK, struct link_key, struct counted);
TABLE(NETWORK, struct network_key, struct counted);
TABLE(TRANSPORT, struct transport_key, struct counted);
TABLE(SESSIONS, struct dynmon_session_key, struct session);
DYNMON_EVENTS(PACKETS, struct packet, 1 << 18);

// Packets that found a table full.
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} MISSED SEC(".maps");

static __always_inline void miss(__u32 packets) {
    __u32 zero = 0;
    __u64* missed = bpf_map_lookup_elem(&MISSED, &zero);

    if (missed)
        *missed += packets;
}

static __always_inline void add(void* table, const void* key, __u32 packets, __u64 bytes) {
    const struct counted none = {};
    struct counted* counted = dynmon_lookup_or_init(table, key, &none);

    if (!counted)
        return miss(packets);
    counted->packets += packets;
    counted->bytes += bytes;
}

static __always_inline void count_link(const struct dynmon_packet* pkt,
                                       const struct dynmon_headers* headers) {
    const struct link_key key = {pkt->direction, headers->ethertype, headers->vlan};

    add(&LINK, &key, pkt->segments, pkt->len);
}

static __always_inline void count_network(const struct dynmon_packet* pkt,
                                          const struct dynmon_headers* headers) {
    const struct network_key key = {pkt->direction, headers->ip_version, headers->fragment,
                                    headers->protocol};

    add(&NETWORK, &key, headers->segments, dynmon_wire_bytes(pkt, headers));
}

static __always_inline void count_transport(const struct dynmon_packet* pkt,
                                            const struct dynmon_headers* headers) {
    const bool to_service = bpf_ntohs(headers->dport) < bpf_ntohs(headers->sport);
    const struct transport_key key = {pkt->direction, to_service ? headers->dport : headers->sport,
                                      headers->tcp_flags, headers->protocol};

    if (dynmon_has_ports(headers->protocol))
        add(&TRANSPORT, &key, headers->segments, dynmon_wire_bytes(pkt, headers));
}

static __always_inline void count_session(const struct dynmon_packet* pkt,
                                          const struct dynmon_headers* headers) {
    const dynmon_time_ns_t now = dynmon_now();
    const struct session none = {.first = now};
    struct dynmon_session_key key;
    struct session* session;
    const bool reverse = dynmon_session_key(&key, headers);

    session = dynmon_lookup_or_init(&SESSIONS, &key, &none);
    if (!session)
        return miss(headers->segments);
    if (!session->first) // of another CPU, which made the entry
        session->first = now;
    session->last = now;
    if (reverse) {
        session->packets_reverse += headers->segments;
        session->bytes_reverse += dynmon_wire_bytes(pkt, headers);
    } else {
        session->packets += headers->segments;
        session->bytes += dynmon_wire_bytes(pkt, headers);
    }
}

static __always_inline void read_payload(const struct dynmon_packet* pkt,
                                         const struct dynmon_headers* headers,
                                         struct packet* event) {
    const __u32 at = headers->l4_offset + headers->l4_header;
    __u64 start;

    if (!headers->l4_header || at + sizeof(start) > headers->l3_offset + headers->ip_bytes ||
        !dynmon_load(pkt, dynmon_forget(at), &start))
        return;
    __builtin_memcpy(event->start, &start, sizeof(start));
    event->start_size = sizeof(start);
}

static __always_inline void tell(const struct dynmon_packet* pkt,
                                 const struct dynmon_headers* headers) {
    struct packet event;

    __builtin_memset(&event, 0, sizeof(event)); // its padding is sent too
    event.time = dynmon_now();
    event.saddr = headers->saddr;
    event.daddr = headers->daddr;
    event.sport = headers->sport;
    event.dport = headers->dport;
    event.direction = pkt->direction;
    event.bytes = dynmon_wire_bytes(pkt, headers);
    event.protocol = headers->protocol;
    event.tcp_flags = headers->tcp_flags;
    event.ttl = headers->ttl;
    event.ip_version = headers->ip_version;
    if (payload)
        read_payload(pkt, headers, &event);
    dynmon_emit(PACKETS, &event); // without room: counted in PACKETS_lost
}

static __always_inline enum dynmon_verdict look(const struct dynmon_packet* pkt) {
    struct dynmon_headers headers;
    const enum dynmon_parsed parsed = dynmon_parse(pkt, &headers);

    if (link)
        count_link(pkt, &headers);
    if (parsed != DYNMON_IP)
        return DYNMON_PASS;
    if (network)
        count_network(pkt, &headers);
    if (transport)
        count_transport(pkt, &headers);
    if (per_session)
        count_session(pkt, &headers);
    if (per_packet)
        tell(pkt, &headers);
    return DYNMON_PASS; // DYNMON_DROP is for a probe with `verdict: drop` in its probe.yaml
}

// Two programs, for TC and for XDP: template_ingress and template_ingress_xdp.
DYNMON_INGRESS(template_ingress) {
    return look(pkt);
}

DYNMON_EGRESS(template_egress) {
    return look(pkt);
}
