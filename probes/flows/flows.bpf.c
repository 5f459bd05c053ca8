// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// A flow table as NetFlow has it, for each direction: who talked to whom, when and how much.
#include "dynmon.h"
#include "packet.h"

#define FLOWS_MAX 16384

const volatile __u8 track_ports = 1; // 0: one flow per pair of addresses and protocol
const volatile __u32 sample = 1;     // looks at one of so many packets

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

static __always_inline void add_packet(struct flow* flow, const struct dynmon_packet* pkt,
                                       const struct dynmon_headers* headers) {
    const dynmon_time_ns_t now = dynmon_now();

    if (!flow->first)
        flow->first = now;
    flow->last = now;
    flow->packets++;
    flow->wire_packets += headers->segments;
    flow->bytes += dynmon_wire_bytes(pkt, headers);
    flow->tcp_flags |= headers->tcp_flags;
    flow->tos = headers->tos;
}

static __always_inline enum dynmon_verdict record(void* flows, void* missed_map,
                                                  const struct dynmon_packet* pkt) {
    struct dynmon_headers headers;
    struct flow empty = {};
    enum dynmon_parsed parsed;
    struct flow* flow = 0;
    struct missed* missed;
    struct flow_key key;
    __u32 zero = 0;

    if (sample > 1 && bpf_get_prandom_u32() % sample)
        return DYNMON_PASS;
    parsed = dynmon_parse(pkt, &headers);
    if (parsed == DYNMON_IP) {
        fill_key(&key, &headers);
        flow = dynmon_lookup_or_init(flows, &key, &empty);
    }
    if (flow) {
        add_packet(flow, pkt, &headers);
        return DYNMON_PASS;
    }
    missed = bpf_map_lookup_elem(missed_map, &zero);
    if (!missed)
        return DYNMON_PASS;
    if (parsed == DYNMON_IP)
        missed->table_full += headers.segments;
    else if (parsed == DYNMON_NOT_IP)
        missed->not_ip++;
    else
        missed->malformed++;
    return DYNMON_PASS;
}

DYNMON_INGRESS(flows_ingress) {
    return record(&FLOWS_INGRESS, &FLOWS_MISSED_INGRESS, pkt);
}

DYNMON_EGRESS(flows_egress) {
    return record(&FLOWS_EGRESS, &FLOWS_MISSED_EGRESS, pkt);
}
