// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// A flow table as NetFlow has it, for each direction: who talked to whom, when and how much.
#include "count.h"
#include "dynmon.h"
#include "packet.h"
#include "plain.h"

const volatile __u8 track_ports = 1; // 0: one flow per pair of addresses and protocol
const volatile __u32 sample = 1;     // looks at one of so many packets
const volatile enum bpf_map_type table = BPF_MAP_TYPE_PERCPU_HASH; // of both flow tables
const volatile __u32 max_flows = 16384;                            // that a table holds
const volatile dynmon_duration_ns_t idle_timeout = 15000000000ULL; // 0: no silence ends a flow

// Every byte is a field: what is not, would tell flows apart that are one.
struct flow_key {
    dynmon_ip_t saddr;
    dynmon_ip_t daddr;
    dynmon_port_t sport;
    dynmon_port_t dport; // ICMP: type * 256 + code; 0xffff: not known
    dynmon_proto_t proto;
    __u8 ip_version;
    __u16 vlan;
} __attribute__((aligned(8)));

struct flow {
    dynmon_time_ns_t first;
    dynmon_time_ns_t last;
    __u64 packets;                // as the hook sees them
    __u64 wire_packets;           // as they are on the wire
    __u64 bytes;                  // of IP, on the wire
    dynmon_tcp_flags_t tcp_flags; // all that were seen
    __u8 tos;                     // of the last packet
    bool closed;                  // there was a FIN or RST, and no new use since
    __u32 flows;                  // 1, and 1 more for every later use of the key
};

// Packets that are in no flow, but for the last.
struct missed {
    __u64 table_full;
    __u64 not_ip;
    __u64 malformed;
    __u64 estimated; // frames of XDP that were several packets: in flows, but counted by the MTU
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_HASH); // the manifest: table
    __uint(max_entries, 16384);             // the manifest: max_flows
    __type(key, struct flow_key);
    __type(value, struct flow);
} FLOWS_INGRESS SEC(".maps"), FLOWS_EGRESS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct missed);
} FLOWS_MISSED_INGRESS SEC(".maps"), FLOWS_MISSED_EGRESS SEC(".maps");

// Without ports the type of ICMP is not known either; 0 would be an echo reply.
static __always_inline __u64 port_bits(const struct dynmon_headers* headers) {
    if (track_ports)
        return headers->sport | (__u64)headers->dport << 16;
    return dynmon_is_icmp_protocol(headers->protocol) ? 0xffffULL << 16 : 0;
}

// In halves of 16 bytes and one word for the rest: the hash and the comparison of the kernel read
// wide, and would wait for narrow stores.
static __always_inline void fill_key(struct flow_key* key, const struct dynmon_headers* headers) {
    const __u64 rest = port_bits(headers) | (__u64)headers->protocol << 32 |
                       (__u64)headers->ip_version << 40 | (__u64)headers->vlan << 48;

    key->saddr = headers->saddr;
    key->daddr = headers->daddr;
    __builtin_memcpy(&key->sport, &rest, sizeof(rest));
}

// Whether several CPUs write the same value; otherwise each has one of its own.
static __always_inline bool is_shared(void) {
    const enum bpf_map_type type = table;

    return type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_LRU_HASH;
}

static __always_inline void use_again(struct flow* flow) {
    dynmon_add(&flow->flows, 1);
    flow->closed = false;
}

static __always_inline void follow_time(struct flow* flow, dynmon_time_ns_t now) {
    const dynmon_time_ns_t last = flow->last;
    const __u64 timeout = idle_timeout;

    if (now <= last) // by the coarse clock most packets come at the same time
        return;
    flow->last = now;
    if (!dynmon_likely(last)) { // new, or new to this CPU
        flow->first = now;
        flow->flows = 1;
    } else if (!dynmon_likely(!timeout || now - last <= timeout)) {
        use_again(flow);
    }
}

static __always_inline void follow_connection(struct flow* flow, dynmon_tcp_flags_t flags) {
    if (dynmon_likely(!(flags & (DYNMON_TCP_SYN | DYNMON_TCP_FIN | DYNMON_TCP_RST))))
        return;
    if (flags & DYNMON_TCP_SYN && flow->closed)
        use_again(flow);
    if (flags & (DYNMON_TCP_FIN | DYNMON_TCP_RST)) // last: a SYN with one of them closes too
        flow->closed = true;
}

static __always_inline void add_own(struct flow* flow, const struct dynmon_headers* headers,
                                    __u64 bytes) {
    flow->packets++;
    flow->wire_packets += headers->segments;
    flow->bytes += bytes;
    flow->tcp_flags |= headers->tcp_flags;
}

// Seldom a store of flags, and only of new ones: there is no atomic "or" before Linux 5.12.
static __always_inline void add_shared(struct flow* flow, const struct dynmon_headers* headers,
                                       __u64 bytes) {
    dynmon_add(&flow->packets, 1);
    dynmon_add(&flow->wire_packets, headers->segments);
    dynmon_add(&flow->bytes, bytes);
    if (headers->tcp_flags & ~flow->tcp_flags)
        flow->tcp_flags |= headers->tcp_flags;
}

static __always_inline void add_packet(struct flow* flow, const struct dynmon_headers* headers,
                                       __u64 bytes) {
    follow_time(flow, dynmon_now());
    follow_connection(flow, headers->tcp_flags);
    if (is_shared())
        add_shared(flow, headers, bytes);
    else
        add_own(flow, headers, bytes);
    flow->tos = headers->tos;
}

// The flow of the packet, empty if it is new; NULL: the table is full.
static __always_inline struct flow* find_flow(void* flows, const struct dynmon_headers* headers) {
    struct flow* flow;
    struct flow_key key;

    fill_key(&key, headers);
    flow = bpf_map_lookup_elem(flows, &key);
    if (!dynmon_likely(flow)) {
        const struct flow empty = {};
        flow = dynmon_lookup_or_init(flows, &key, &empty);
    }
    return flow;
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
        missed->not_ip += headers->segments;
    else
        missed->malformed += headers->segments;
}

static __always_inline bool count_flow(void* flows, const struct dynmon_packet* pkt,
                                       const struct dynmon_headers* headers) {
    const __u64 bytes = dynmon_wire_bytes(pkt, headers);
    struct flow* flow = find_flow(flows, headers);

    if (dynmon_likely(flow))
        add_packet(flow, headers, bytes);
    return flow;
}

static __always_inline void record_any(void* flows, void* missed_map,
                                       const struct dynmon_packet* pkt) {
    struct dynmon_headers headers;
    const enum dynmon_parsed parsed = dynmon_parse(pkt, &headers);

    if (parsed != DYNMON_IP || !count_flow(flows, pkt, &headers))
        count_missed(missed_map, parsed, &headers);
}

static __always_inline enum dynmon_verdict record(void* flows, void* missed_map,
                                                  const struct dynmon_packet* pkt) {
    struct dynmon_headers headers;

    if (sample > 1 && bpf_get_prandom_u32() % sample)
        return DYNMON_PASS;
    dynmon_count_estimated(missed_map, DYNMON_COUNTER(struct missed, estimated), pkt);
    if (!dynmon_likely(dynmon_parse_plain(pkt, &headers)))
        record_any(flows, missed_map, pkt);
    else if (!count_flow(flows, pkt, &headers))
        count_missed(missed_map, DYNMON_IP, &headers);
    return DYNMON_PASS;
}

DYNMON_INGRESS(flows_ingress) {
    return record(&FLOWS_INGRESS, &FLOWS_MISSED_INGRESS, pkt);
}

DYNMON_EGRESS(flows_egress) {
    return record(&FLOWS_EGRESS, &FLOWS_MISSED_EGRESS, pkt);
}
