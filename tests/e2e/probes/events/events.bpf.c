// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// Test probe: an event for each frame, in a ring buffer and in a perf event array.
#include "dynmon.h"

struct arrival {
    __u32 length;
    dynmon_port_t big;
    __u16 mark;
};

enum arrival_kind { ARRIVAL_SHORT, ARRIVAL_LONG };

struct detail {
    dynmon_ifindex_t device;
    enum arrival_kind kind;
    __u64 serial;
    dynmon_time_ns_t when;
    struct arrival what;
};

enum { odd_length = 99 }; /* a packet of this length sends only half an event */

DYNMON_EVENTS(ARRIVALS, struct arrival, 4096);

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} PERF_ARRIVALS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} UNTYPED SEC(".maps");

DYNMON_EVENTS(DETAILS, struct detail, 16384);

DYNMON_INGRESS(events) {
    const struct arrival arrival = {.length = pkt->len, .big = bpf_htons(443), .mark = 7};

    if (pkt->len == odd_length)
        bpf_ringbuf_output(&ARRIVALS, (void*)&arrival, sizeof(arrival) / 2, 0);
    else
        dynmon_emit(ARRIVALS, &arrival);
    bpf_ringbuf_output(&UNTYPED, (void*)&arrival, sizeof(arrival), 0);
    bpf_perf_event_output(pkt->ctx, &PERF_ARRIVALS, BPF_F_CURRENT_CPU, (void*)&arrival,
                          sizeof(arrival));
    const struct detail detail = {.device = pkt->ifindex,
                                  .kind = pkt->len > 1000 ? ARRIVAL_LONG : ARRIVAL_SHORT,
                                  .serial = 0xfffffffffffffff0 + pkt->len % 16,
                                  .when = dynmon_now(),
                                  .what = arrival};
    dynmon_emit(DETAILS, &detail);
    return DYNMON_PASS;
}
