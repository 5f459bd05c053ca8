// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A flow table as NetFlow has it, for each direction: who talked to whom, when and how much.
#include "dynmon.h"
#include "packet.h"

#define FLOWS_MAX 16384

const volatile __u8 track_ports = 1; // 0: one flow per pair of addresses and protocol
const volatile __u32 sample = 1;     // looks at one of so many packets
const volatile enum bpf_map_type table = BPF_MAP_TYPE_PERCPU_HASH; // of both flow tables
const volatile __u64 idle_timeout = 15000000000ULL;                // 0: no silence ends a flow

// Every byte is a field: what is not, would tell flows apart that are one.
struct flow_key {
    dynmon_ip_t saddr;
    dynmon_ip_t daddr;
    dynmon_port_t sport;
    dynmon_port_t dport; // ICMP: type * 256 + code
    dynmon_proto_t proto;
    __u8 ip_version;
    __u16 vlan;
};

struct flow {
    dynmon_time_ns_t first;
    dynmon_time_ns_t last;
    __u64 packets;                // as the hook sees them
    __u64 wire_packets;           // as they are on the wire
    __u64 bytes;                  // of IP, on the wire
    dynmon_tcp_flags_t tcp_flags; // all that were seen
    __u8 tos;                     // of the last packet
    bool closed;                  // there was a FIN or RST, and no SYN since
    __u32 flows;                  // 1, and 1 more for every later use of the key
};

// Packets that are in no flow.
struct missed {
    __u64 table_full;
    __u64 not_ip;
    __u64 malformed;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH);
    __uint(max_entries, FLOWS_MAX);
    __type(key, struct flow_key);
    __type(value, struct flow);
} FLOWS_INGRESS SEC(".maps"), FLOWS_EGRESS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct missed);
} FLOWS_MISSED_INGRESS SEC(".maps"), FLOWS_MISSED_EGRESS SEC(".maps");

static __always_inline void fill_key(struct flow_key* key, const struct dynmon_headers* headers) {
    key->saddr = headers->saddr;
    key->daddr = headers->daddr;
    key->sport = track_ports ? headers->sport : 0;
    key->dport = track_ports ? headers->dport : 0;
    key->proto = headers->protocol;
    key->ip_version = headers->ip_version;
    key->vlan = headers->vlan;
}

// Several CPUs write the same value; otherwise each has one of its own.
static __always_inline bool is_shared(void) {
    return table == BPF_MAP_TYPE_HASH || table == BPF_MAP_TYPE_LRU_HASH;
}

static __always_inline void count(__u64* counter, __u64 amount) {
    if (is_shared())
        dynmon_add(counter, amount);
    else
        *counter += amount;
}

static __always_inline void count_use(struct flow* flow) {
    if (is_shared())
        dynmon_add(&flow->flows, 1);
    else
        flow->flows++;
}

// Shared: seldom a store, and only of flags that are new. There is no atomic "or" before
// Linux 5.12.
static __always_inline void collect_flags(struct flow* flow, dynmon_tcp_flags_t flags) {
    if (!is_shared() || flags & ~flow->tcp_flags)
        flow->tcp_flags |= flags;
}

// Connections that begin and end: rare, so one test keeps them out of the way of the others.
static __always_inline void follow_connection(struct flow* flow, dynmon_tcp_flags_t flags,
                                              bool* again) {
    if (!(flags & (DYNMON_TCP_SYN | DYNMON_TCP_FIN | DYNMON_TCP_RST)))
        return;
    if (flags & DYNMON_TCP_SYN && flow->closed)
        *again = true;
    flow->closed = !(flags & DYNMON_TCP_SYN);
}

static __always_inline void add_packet(struct flow* flow, const struct dynmon_packet* pkt,
                                       const struct dynmon_headers* headers, dynmon_time_ns_t now) {
    const dynmon_time_ns_t last = flow->last;
    bool again = idle_timeout && now > last && now - last > idle_timeout;

    if (!flow->first) // another CPU made the entry
        flow->first = now;
    follow_connection(flow, headers->tcp_flags, &again);
    if (again)
        count_use(flow);
    if (now > last)
        flow->last = now;
    count(&flow->packets, 1);
    count(&flow->wire_packets, headers->segments);
    count(&flow->bytes, dynmon_wire_bytes(pkt, headers));
    collect_flags(flow, headers->tcp_flags);
    flow->tos = headers->tos;
}

// The flow of the packet, made if it is new; NULL: the table is full.
static __always_inline struct flow* find_flow(void* flows, const struct dynmon_headers* headers,
                                              dynmon_time_ns_t now) {
    const struct flow fresh = {.first = now, .last = now, .flows = 1};
    struct flow_key key;

    fill_key(&key, headers);
    return dynmon_lookup_or_init(flows, &key, &fresh);
}

static __always_inline void count_missed(void* missed_map, enum dynmon_parsed parsed,
                                         const struct dynmon_headers* headers) {
    const __u32 zero = 0;
    struct missed* missed = bpf_map_lookup_elem(missed_map, &zero);

    if (!missed)
        return;
    if (parsed == DYNMON_IP)
        missed->table_full += headers->segments;
    else if (parsed == DYNMON_NOT_IP)
        missed->not_ip++;
    else
        missed->malformed++;
}

static __always_inline enum dynmon_verdict record(void* flows, void* missed_map,
                                                  const struct dynmon_packet* pkt) {
    struct dynmon_headers headers;
    enum dynmon_parsed parsed;
    struct flow* flow = 0;
    dynmon_time_ns_t now;

    if (sample > 1 && bpf_get_prandom_u32() % sample)
        return DYNMON_PASS;
    now = dynmon_now();
    parsed = dynmon_parse(pkt, &headers);
    if (parsed == DYNMON_IP)
        flow = find_flow(flows, &headers, now);
    if (flow)
        add_packet(flow, pkt, &headers, now);
    else
        count_missed(missed_map, parsed, &headers);
    return DYNMON_PASS;
}

DYNMON_INGRESS(flows_ingress) {
    return record(&FLOWS_INGRESS, &FLOWS_MISSED_INGRESS, pkt);
}

DYNMON_EGRESS(flows_egress) {
    return record(&FLOWS_EGRESS, &FLOWS_MISSED_EGRESS, pkt);
}
