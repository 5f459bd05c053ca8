/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The one header a probe includes: entry points, chain hand-over, epoch clock, value types.
 *
 *     #include "dynmon.h"
 *
 *     struct {
 *         __uint(type, BPF_MAP_TYPE_ARRAY);
 *         __uint(max_entries, 1);
 *         __type(key, __u32);
 *         __type(value, __u64);
 *     } SEEN SEC(".maps");
 *
 *     DYNMON_INGRESS(count) {
 *         __u32 zero = 0;
 *         __u64* seen = bpf_map_lookup_elem(&SEEN, &zero);
 *         if (seen)
 *             dynmon_add(seen, pkt->segments);
 *         return DYNMON_PASS;
 *     }
 *
 * A parameter is a global `const volatile __u32 limit = 10;`: set at load time, and code that it
 * switches off is removed by the verifier. Names that start with dynmon_ or DYNMON_ are taken.
 * `pkt` is a struct dynmon_packet (frame.h); value types are in types.h; packet.h reads headers,
 * session.h makes sessions of packets.
 * Everything is inlined: tail calls and bpf-to-bpf calls do not mix on arm64 before Linux 6.0.
 */
#ifndef DYNMON_H
#define DYNMON_H

#include "clock.h"
#include "cost.h"
#ifndef DYNMON_BARE /* see bare.h */
#include "frame.h"
#endif
#include "typed.h"
#include "types.h"

#ifndef DYNMON_LICENSE
#define DYNMON_LICENSE "Dual BSD/GPL"
#endif

#ifdef DYNMON_LINKED /* see bare.h */
extern const volatile __u32 dynmon_slot;
extern const volatile bool dynmon_may_drop;
#else
char dynmon_license[] SEC("license") = DYNMON_LICENSE;

/* Set by the loader before the program is loaded, so that the verifier sees constants. */
const volatile __u32 dynmon_slot = DYNMON_NO_SLOT;
const volatile bool dynmon_may_drop = false;
#endif

/* The loader puts the hook's own array in the place of this one. */
DYNMON_SHARED struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, DYNMON_CHAIN_SLOTS);
    __type(key, __u32);
    __type(value, __u32);
} dynmon_chain SEC(".maps");

enum dynmon_verdict {
    DYNMON_PASS = 0,
    DYNMON_DROP = 1, /* obeyed only if the manifest says `verdict: drop` */
};

/* DYNMON_MMAP_ARRAY(NAME, struct x, 1024);
 * An array whose values dynmon-load reads as memory, several times faster than by look-ups. */
#define DYNMON_MMAP_ARRAY(NAME, value_type, entries)                                               \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                          \
        __uint(map_flags, BPF_F_MMAPABLE);                                                         \
        __uint(max_entries, entries);                                                              \
        __type(key, __u32);                                                                        \
        __type(value, value_type);                                                                 \
    } NAME SEC(".maps")

/* DYNMON_EVENTS(NAME, struct x, 1 << 16);
 * A ring buffer of events of one type (Linux 5.8), of a power of two bytes, at least a page. Send
 * with dynmon_emit(NAME, &event); print with `dynmon-load stream`, which finds the type by the
 * variable that is left behind here: it is never read. Events for which there was no room are
 * counted in NAME_lost. */
#define DYNMON_EVENTS(NAME, event_type, bytes)                                                     \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_RINGBUF);                                                        \
        __uint(max_entries, bytes);                                                                \
    } NAME SEC(".maps");                                                                           \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                   \
        __uint(max_entries, 1);                                                                    \
        __type(key, __u32);                                                                        \
        __type(value, __u64);                                                                      \
    } NAME##_lost SEC(".maps");                                                                    \
    const event_type* const volatile dynmon_event_##NAME = 0;                                      \
    static __always_inline bool dynmon_emit_##NAME(const event_type* event) {                      \
        const __u32 only = 0;                                                                      \
        __u64* lost;                                                                               \
        if (!bpf_ringbuf_output(&NAME, (void*)event, sizeof(*event), 0))                           \
            return true;                                                                           \
        lost = bpf_map_lookup_elem(&NAME##_lost, &only);                                           \
        if (lost)                                                                                  \
            (*lost)++;                                                                             \
        return false;                                                                              \
    }                                                                                              \
    _Static_assert(1, "")

/* False: there was no room, and the event is counted as lost. Padding is sent too: zero it. */
#define dynmon_emit(NAME, event) dynmon_emit_##NAME(event)

/* Adds to a counter that several CPUs write. Relaxed, and its result not used: newer compilers make
 * an instruction of anything more that kernels before 5.12 do not know. */
#define dynmon_add(counter, amount)                                                                \
    ((void)__atomic_fetch_add((counter), (amount), __ATOMIC_RELAXED))

/* The number of the bucket in a histogram by power of two: 0 for 0 and 1, 1 for 2 and 3, 2 for 4 to
 * 7, …, 63. No loop and no branch that the verifier would have to follow twice.
 *
 *     struct delay {
 *         __u64 slots[64];
 *         __u64 total_ns;
 *     };
 *
 *     dynmon_add(&delay->slots[dynmon_log2(ns)], 1);
 *     dynmon_add(&delay->total_ns, ns);
 *
 * and in the manifest
 *
 *     type: histogram
 *     series: [{name: delay_seconds, unit: seconds, field: value.slots}]
 *     buckets: {scale: log2, multiplier: 1e-9, sum: value.total_ns}
 *
 * With fewer slots the last one takes the rest: dynmon_bucket(dynmon_log2(ns), 32). */
static __always_inline __u32 dynmon_log2(__u64 value) {
    __u64 result = 0;

#pragma unroll
    for (int step = 5; step >= 0; step--) {
        const __u64 shift = dynmon_is_not_0(value >> (1 << step)) << step;
        value >>= shift;
        result |= shift;
    }
    return result & 63;
}

/* `number`, or the last of `count` buckets. */
static __always_inline __u32 dynmon_bucket(__u64 number, __u32 count) {
    asm volatile("" : "+r"(number));
    return number < count ? number : count - 1;
}

/* The value of `key`, made from `initial` when it is not there yet; NULL: the map is full. Both are
 * pointers to what the map is defined with: a key of another type does not compile. */
#define dynmon_lookup_or_init(map_, key_, initial_)                                                \
    ({                                                                                             \
        DYNMON_REQUIRE_KEY(map_, key_);                                                            \
        DYNMON_REQUIRE_VALUE(map_, initial_);                                                      \
        (typeof(dynmon_types_of(map_)->value))dynmon_make(map_, key_, initial_);                   \
    })

static __always_inline void* dynmon_make(void* map, const void* key, const void* initial) {
    void* value = bpf_map_lookup_elem(map, key);

    if (value)
        return value;
    /* Another CPU may have been faster: then this fails and the second look finds its value. */
    bpf_map_update_elem(map, key, initial, BPF_NOEXIST);
    return bpf_map_lookup_elem(map, key);
}

/* The way out of a program: drop, or go on with the next one, or end the chain. The slot is a
 * constant for the verifier, so that the JIT makes the tail call a direct jump. */
static __always_inline int dynmon_leave_tc(struct __sk_buff* ctx, enum dynmon_verdict verdict) {
    if (dynmon_may_drop && verdict == DYNMON_DROP)
        return TC_ACT_SHOT;
    bpf_tail_call(ctx, &dynmon_chain, dynmon_slot);
    return TC_ACT_UNSPEC; /* other owners' programs on this hook still run */
}

static __always_inline int dynmon_leave_xdp(struct xdp_md* ctx, enum dynmon_verdict verdict) {
    if (dynmon_may_drop && verdict == DYNMON_DROP)
        return XDP_DROP;
    bpf_tail_call(ctx, &dynmon_chain, dynmon_slot);
    return XDP_PASS;
}

/* The verdict of `look`, an expression that looks at one packet; a program that was taken out
 * passes every packet. */
#define DYNMON_MEASURED_(direction, look)                                                          \
    ({                                                                                             \
        enum dynmon_verdict verdict_ = DYNMON_PASS;                                                \
        if (dynmon_likely(!dynmon_is_out(direction))) {                                            \
            const __u64 began_ = dynmon_meter_begin(direction);                                    \
            verdict_ = (look);                                                                     \
            dynmon_meter_end(began_, direction);                                                   \
        }                                                                                          \
        verdict_;                                                                                  \
    })

#define DYNMON_TC_(name, direction)                                                                \
    SEC("tc") int name(struct __sk_buff* ctx) {                                                    \
        struct dynmon_packet pkt;                                                                  \
        return dynmon_leave_tc(ctx,                                                                \
                               DYNMON_MEASURED_(direction, (dynmon_from_skb(&pkt, ctx, direction), \
                                                            dynmon_body_##name(&pkt))));           \
    }

#define DYNMON_XDP_(name)                                                                          \
    SEC("xdp") int name##_xdp(struct xdp_md* ctx) {                                                \
        struct dynmon_packet pkt;                                                                  \
        return dynmon_leave_xdp(                                                                   \
            ctx, DYNMON_MEASURED_(DYNMON_DIRECTION_INGRESS,                                        \
                                  (dynmon_from_xdp(&pkt, ctx), dynmon_body_##name(&pkt))));        \
    }

#define DYNMON_BODY_(name)                                                                         \
    static __always_inline enum dynmon_verdict dynmon_body_##name(struct dynmon_packet* pkt)

/* DYNMON_INGRESS(name) { … return DYNMON_PASS; }
 * The body sees `pkt` and becomes two programs: `name` for TC and `name_xdp` for XDP. */
#define DYNMON_INGRESS(name)                                                                       \
    DYNMON_BODY_(name);                                                                            \
    DYNMON_TC_(name, DYNMON_DIRECTION_INGRESS)                                                     \
    DYNMON_XDP_(name)                                                                              \
    DYNMON_BODY_(name)

/* As DYNMON_INGRESS, but one TC program: XDP sees no outgoing packets. */
#define DYNMON_EGRESS(name)                                                                        \
    DYNMON_BODY_(name);                                                                            \
    DYNMON_TC_(name, DYNMON_DIRECTION_EGRESS)                                                      \
    DYNMON_BODY_(name)

#endif
