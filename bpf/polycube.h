/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The C of Dynmon documents, as Polycube compiled it with BCC, on top of libbpf: tables with
 * methods, pcn_* functions, RX_* results. `dynmon-load import` includes it before an author's code,
 * which stays as it is, and says first:
 *
 *     POLYCUBE_PROGRAM_TYPE   0: ingress, 1: egress
 *     POLYCUBE_XDP            defined: for XDP, not for TC
 *     DYNMON_MAY_DROP         1: what is not RX_OK drops the packet
 *     DYNMON_HANDLER_TAKES    how many parameters handle_rx has
 *     DYNMON_DECHAINY         defined: the code is that of DeChainy, whose function is `handler`
 *     DYNMON_UNORDERED        defined: no addition of the code asks what was there before
 *
 * and for each table NAME of the code
 *
 *     dynmon_type_NAME        BPF_MAP_TYPE_…, since "extern" has none
 *     dynmon_label_NAME       "NAME", its name in the object
 *     dynmon_linkage_NAME     DYNMON_DEFINED_, or __weak where another path defines the same map
 *     dynmon_lost_NAME        of queues: the name of what counts failed pushes
 *     dynmon_more_NAME        of others: DYNMON_NO_MORE_, DYNMON_MORE_ or DYNMON_OR_INIT_, and
 *                             dynmon_more_members_NAME, dynmon_more_values_NAME alike
 *
 * A table is a constant struct of function pointers, which the compiler folds (-O1 and above); the
 * map beside it has the table's name by an asm label.
 *
 * What follows the code of an author would be subject to their macros: the program stands here,
 * before it. */
#ifndef DYNMON_POLYCUBE_H
#define DYNMON_POLYCUBE_H

#define DYNMON_LINKED
#include <stddef.h>
#include <stdint.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>

#include "bare.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;

#undef ntohs
#undef htons
#undef ntohl
#undef htonl
#define ntohs(x) bpf_ntohs(x)
#define htons(x) bpf_htons(x)
#define ntohl(x) bpf_ntohl(x)
#define htonl(x) bpf_htonl(x)
#ifndef __BYTE_ORDER
#define __LITTLE_ENDIAN 1234
#define __BIG_ENDIAN 4321
#define __BYTE_ORDER __BYTE_ORDER__
#endif
#define memcpy(to, from, size) __builtin_memcpy(to, from, size)
#define memset(to, byte, size) __builtin_memset(to, byte, size)
#define memmove(to, from, size) __builtin_memmove(to, from, size)
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#ifdef DYNMON_UNORDERED
/* As BCC's compilers made these: an addition without order. The copy of the pointer has the
 * alignment of its type, which __sync_… takes for granted. */
#define dynmon_unordered_(operation, counter, amount)                                              \
    ({                                                                                             \
        __typeof__(&(counter)[0]) dynmon_counter_ = (counter);                                     \
        operation(dynmon_counter_, amount, __ATOMIC_RELAXED);                                      \
    })
#define __sync_fetch_and_add(counter, amount) dynmon_unordered_(__atomic_fetch_add, counter, amount)
#define __sync_fetch_and_sub(counter, amount) dynmon_unordered_(__atomic_fetch_sub, counter, amount)
#define __sync_add_and_fetch(counter, amount) dynmon_unordered_(__atomic_add_fetch, counter, amount)
#endif
#define lock_xadd(counter, amount) ((void)__sync_fetch_and_add(counter, amount))
#define bpf_trace_printk(...) ((void)0)

/* Results. Polycube dropped a packet for all but the first. */
enum {
    RX_OK,
    RX_REDIRECT,
    RX_DROP,
    RX_RECIRCULATE,
    RX_ERROR,
};

struct pkt_metadata {
    u16 cube_id;
    u16 in_port;
    u32 packet_len;
    u32 traffic_class;
    u16 reason;
    u32 md[3];
} __attribute__((packed));

#define CUBE_ID 1
#ifdef POLYCUBE_XDP
#define DYNMON_DEFINED_ __weak /* beside the object for TC, which has the same maps */
#define CTXTYPE xdp_md
#define dynmon_packet_length_(ctx) ((__u32)((ctx)->data_end - (ctx)->data))
#else
#define DYNMON_DEFINED_
#define CTXTYPE __sk_buff
#define dynmon_packet_length_(ctx) ((ctx)->len)
#endif

/* Messages go nowhere: the reader of a probe is its metrics. Their arguments are not computed. */
#define LOG_TRACE 0
#define LOG_DEBUG 1
#define LOG_INFO 2
#define LOG_WARN 3
#define LOG_ERR 4
#define LOG_CRITICAL 5
#define LOG_OFF 6
#define LOG_LEVEL LOG_OFF
#define pcn_log(...)                                                                               \
    do {                                                                                           \
    } while (0)

#define pcn_get_time_epoch() ((uint64_t)dynmon_now())
/* Older authors add it to bpf_ktime_get_ns(). */
#define EPOCH_BASE ((uint64_t)dynmon_now() - bpf_ktime_get_ns())
#define _EPOCH_BASE EPOCH_BASE
#define pcn_get_packet_tstamp(ctx) ((uint64_t)dynmon_now())

#ifdef DYNMON_DECHAINY
#include "polycube/dechainy.h"
#define dynmon_handler_name_ handler
#else
#define dynmon_handler_name_ handle_rx
#endif

#if DYNMON_HANDLER_TAKES == 1
#define dynmon_handler_(ctx, md) dynmon_handler_name_(ctx)
#define dynmon_handler_parameters_ struct CTXTYPE*
#else
#define dynmon_handler_(ctx, md) dynmon_handler_name_(ctx, md)
#define dynmon_handler_parameters_ struct CTXTYPE*, struct pkt_metadata*
#endif

/* All functions of the author are inlined, as BCC did it, and none collides with one of the same
 * name in the other direction. */
#pragma clang attribute push(__attribute__((always_inline)), apply_to = function)
#pragma clang attribute push(__attribute__((internal_linkage)), apply_to = function)
static int dynmon_handler_name_(dynmon_handler_parameters_);
#pragma clang attribute pop
#pragma clang attribute pop

#ifdef POLYCUBE_XDP
DYNMON_XDP(dynmon_ingress_xdp) {
#elif POLYCUBE_PROGRAM_TYPE == 0
DYNMON_TC(dynmon_ingress, DYNMON_DIRECTION_INGRESS) {
#else
DYNMON_TC(dynmon_egress, DYNMON_DIRECTION_EGRESS) {
#endif
    struct pkt_metadata md = {.cube_id = CUBE_ID, .packet_len = dynmon_packet_length_(ctx)};
    const int result = dynmon_handler_(ctx, &md);

    return DYNMON_MAY_DROP && result != RX_OK ? DYNMON_DROP : DYNMON_PASS;
}

#ifdef DYNMON_SCAN /* what the importer reads, behind the preprocessor */
#define BPF_TABLE(...) dynmon_table_(BPF_TABLE, __VA_ARGS__)
#define BPF_F_TABLE(...) dynmon_table_(BPF_F_TABLE, __VA_ARGS__)
#define BPF_TABLE_SHARED(...) dynmon_table_(BPF_TABLE_SHARED, __VA_ARGS__)
#define BPF_TABLE_PUBLIC(...) dynmon_table_(BPF_TABLE_PUBLIC, __VA_ARGS__)
#define BPF_TABLE_PINNED(...) dynmon_table_(BPF_TABLE_PINNED, __VA_ARGS__)
#define BPF_ARRAY(...) dynmon_table_(BPF_ARRAY, __VA_ARGS__)
#define BPF_PERCPU_ARRAY(...) dynmon_table_(BPF_PERCPU_ARRAY, __VA_ARGS__)
#define BPF_HASH(...) dynmon_table_(BPF_HASH, __VA_ARGS__)
#define BPF_PERCPU_HASH(...) dynmon_table_(BPF_PERCPU_HASH, __VA_ARGS__)
#define BPF_HISTOGRAM(...) dynmon_table_(BPF_HISTOGRAM, __VA_ARGS__)
#define BPF_LPM_TRIE(...) dynmon_table_(BPF_LPM_TRIE, __VA_ARGS__)
#define BPF_QUEUESTACK(...) dynmon_table_(BPF_QUEUESTACK, __VA_ARGS__)
#define BPF_QUEUESTACK_SHARED(...) dynmon_table_(BPF_QUEUESTACK_SHARED, __VA_ARGS__)
#define BPF_QUEUESTACK_PUBLIC(...) dynmon_table_(BPF_QUEUESTACK_PUBLIC, __VA_ARGS__)
#define BPF_QUEUESTACK_PINNED(...) dynmon_table_(BPF_QUEUESTACK_PINNED, __VA_ARGS__)
#define BPF_QUEUE(...) dynmon_table_(BPF_QUEUE, __VA_ARGS__)
#define BPF_STACK(...) dynmon_table_(BPF_STACK, __VA_ARGS__)
#define BPF_HASH_OF_MAPS(...) dynmon_table_(BPF_HASH_OF_MAPS, __VA_ARGS__)
#define BPF_ARRAY_OF_MAPS(...) dynmon_table_(BPF_ARRAY_OF_MAPS, __VA_ARGS__)
#define BPF_PROG_ARRAY(...) dynmon_table_(BPF_PROG_ARRAY, __VA_ARGS__)
#define BPF_PERF_OUTPUT(...) dynmon_table_(BPF_PERF_OUTPUT, __VA_ARGS__)
#define BPF_PERF(...) dynmon_table_(BPF_PERF, __VA_ARGS__)
#define BPF_PERF_SHARED(...) dynmon_table_(BPF_PERF_SHARED, __VA_ARGS__)
#define BPF_PERF_ARRAY(...) dynmon_table_(BPF_PERF_ARRAY, __VA_ARGS__)
#define BPF_RINGBUF_OUTPUT(...) dynmon_table_(BPF_RINGBUF_OUTPUT, __VA_ARGS__)
#define BPF_STACK_TRACE(...) dynmon_table_(BPF_STACK_TRACE, __VA_ARGS__)
#define BPF_DEVMAP(...) dynmon_table_(BPF_DEVMAP, __VA_ARGS__)
#define BPF_CPUMAP(...) dynmon_table_(BPF_CPUMAP, __VA_ARGS__)
#define BPF_XSKMAP(...) dynmon_table_(BPF_XSKMAP, __VA_ARGS__)
#define BPF_SOCKMAP(...) dynmon_table_(BPF_SOCKMAP, __VA_ARGS__)
#define BPF_SOCKHASH(...) dynmon_table_(BPF_SOCKHASH, __VA_ARGS__)
#define BPF_SK_STORAGE(...) dynmon_table_(BPF_SK_STORAGE, __VA_ARGS__)
#define BPF_CGROUP_ARRAY(...) dynmon_table_(BPF_CGROUP_ARRAY, __VA_ARGS__)
#undef pcn_log
#define pcn_log(...) dynmon_pcn_log_(__VA_ARGS__)
#else

/* Tables. Keys are copied: a pointer to a loop's counter would keep it on the stack, and the
 * verifier from seeing that the loop ends. */
#define dynmon_ops_(name) name __asm__("dynmon_ops_" dynmon_label_##name) __attribute__((unused))
#define dynmon_map_(name) name##_dynmon_map_
#define dynmon_place_(name)                                                                        \
    dynmon_map_(name) __asm__(dynmon_label_##name) SEC(".maps") dynmon_linkage_##name

#define DYNMON_TABLE_(key_type, value_type, name, entries, flags)                                  \
    struct {                                                                                       \
        __uint(type, dynmon_type_##name);                                                          \
        __uint(max_entries, entries);                                                              \
        __uint(map_flags, flags);                                                                  \
        __type(key, key_type);                                                                     \
        __type(value, value_type);                                                                 \
    } dynmon_place_(name);                                                                         \
    static value_type* name##_dynmon_lookup_(key_type* key) {                                      \
        key_type copy = *key;                                                                      \
        return bpf_map_lookup_elem(&dynmon_map_(name), &copy);                                     \
    }                                                                                              \
    static int name##_dynmon_update_(key_type* key, value_type* value) {                           \
        key_type copy = *key;                                                                      \
        return bpf_map_update_elem(&dynmon_map_(name), &copy, value, BPF_ANY);                     \
    }                                                                                              \
    static int name##_dynmon_insert_(key_type* key, value_type* value) {                           \
        key_type copy = *key;                                                                      \
        return bpf_map_update_elem(&dynmon_map_(name), &copy, value, BPF_NOEXIST);                 \
    }                                                                                              \
    static int name##_dynmon_delete_(key_type* key) {                                              \
        key_type copy = *key;                                                                      \
        return bpf_map_delete_elem(&dynmon_map_(name), &copy);                                     \
    }                                                                                              \
    static value_type* name##_dynmon_try_(key_type* key, value_type* initial) {                    \
        key_type copy = *key;                                                                      \
        value_type* value = bpf_map_lookup_elem(&dynmon_map_(name), &copy);                        \
        if (value)                                                                                 \
            return value;                                                                          \
        bpf_map_update_elem(&dynmon_map_(name), &copy, initial, BPF_NOEXIST);                      \
        return bpf_map_lookup_elem(&dynmon_map_(name), &copy);                                     \
    }                                                                                              \
    dynmon_more_##name(key_type, value_type, name);                                                \
    static const struct {                                                                          \
        value_type* (*lookup)(key_type*);                                                          \
        int (*update)(key_type*, value_type*);                                                     \
        int (*insert)(key_type*, value_type*);                                                     \
        int (*delete)(key_type*);                                                                  \
        value_type* (*lookup_or_try_init)(key_type*, value_type*);                                 \
        dynmon_more_members_##name(key_type, value_type)                                           \
    } dynmon_ops_(name) = {                                                                        \
        .lookup = name##_dynmon_lookup_,                                                           \
        .update = name##_dynmon_update_,                                                           \
        .insert = name##_dynmon_insert_,                                                           \
        .delete = name##_dynmon_delete_,                                                           \
        .lookup_or_try_init = name##_dynmon_try_,                                                  \
        dynmon_more_values_##name(name)                                                            \
    }

/* increment() and lookup_or_init(), where the code has them. */
#define DYNMON_NO_MORE_(...)
#define DYNMON_NO_MORE_MEMBERS_(...)
#define DYNMON_NO_MORE_VALUES_(...)

/* `increment` takes one or two arguments: a macro adds the second. BCC makes a missing key in
 * hashes only; in an array there is none. */
#define DYNMON_MORE_(key_type, value_type, name)                                                   \
    static void name##_dynmon_increment_(key_type key, value_type amount) {                        \
        value_type zero = 0;                                                                       \
        value_type* value = name##_dynmon_try_(&key, &zero);                                       \
        if (value)                                                                                 \
            *value += amount;                                                                      \
    }                                                                                              \
    static void name##_dynmon_atomic_increment_(key_type key, value_type amount) {                 \
        value_type zero = 0;                                                                       \
        value_type* value = name##_dynmon_try_(&key, &zero);                                       \
        if (value)                                                                                 \
            (void)__sync_fetch_and_add(value, amount);                                             \
    }                                                                                              \
    _Static_assert(1, "")
#define DYNMON_MORE_MEMBERS_(key_type, value_type)                                                 \
    void (*dynmon_increment)(key_type, value_type);                                                \
    void (*dynmon_atomic_increment)(key_type, value_type);
#define DYNMON_MORE_VALUES_(name)                                                                  \
    .dynmon_increment = name##_dynmon_increment_,                                                  \
    .dynmon_atomic_increment = name##_dynmon_atomic_increment_,
#define DYNMON_TWO_(key, amount, ...) key, amount

/* BCC ends the program where a table is full. This goes on with a value that is in no table. */
#define DYNMON_OR_INIT_(key_type, value_type, name)                                                \
    static value_type name##_dynmon_nobodys_;                                                      \
    static value_type* name##_dynmon_or_init_(key_type* key, value_type* initial) {                \
        value_type* value = name##_dynmon_try_(key, initial);                                      \
        if (value)                                                                                 \
            return value;                                                                          \
        name##_dynmon_nobodys_ = *initial;                                                         \
        return &name##_dynmon_nobodys_;                                                            \
    }                                                                                              \
    _Static_assert(1, "")
#define DYNMON_OR_INIT_MEMBERS_(key_type, value_type)                                              \
    value_type* (*lookup_or_init)(key_type*, value_type*);
#define DYNMON_OR_INIT_VALUES_(name) .lookup_or_init = name##_dynmon_or_init_,

#define DYNMON_BOTH_(key_type, value_type, name)                                                   \
    DYNMON_MORE_(key_type, value_type, name);                                                      \
    DYNMON_OR_INIT_(key_type, value_type, name)
#define DYNMON_BOTH_MEMBERS_(key_type, value_type)                                                 \
    DYNMON_MORE_MEMBERS_(key_type, value_type) DYNMON_OR_INIT_MEMBERS_(key_type, value_type)
#define DYNMON_BOTH_VALUES_(name) DYNMON_MORE_VALUES_(name) DYNMON_OR_INIT_VALUES_(name)

/* Authors do not look whether a push succeeded: what finds a queue full is counted beside it. */
#define DYNMON_QUEUE_(value_type, name, entries)                                                   \
    struct {                                                                                       \
        __uint(type, dynmon_type_##name);                                                          \
        __uint(max_entries, entries);                                                              \
        __type(value, value_type);                                                                 \
    } dynmon_place_(name);                                                                         \
    struct {                                                                                       \
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                   \
        __uint(max_entries, 1);                                                                    \
        __type(key, __u32);                                                                        \
        __type(value, __u64);                                                                      \
    } name##_dynmon_lost_ __asm__(dynmon_lost_##name) SEC(".maps") dynmon_linkage_##name;          \
    static int name##_dynmon_push_(value_type* value, __u64 flags) {                               \
        const __u32 only = 0;                                                                      \
        const int result = bpf_map_push_elem(&dynmon_map_(name), value, flags);                    \
        __u64* lost;                                                                               \
        if (!result)                                                                               \
            return result;                                                                         \
        lost = bpf_map_lookup_elem(&name##_dynmon_lost_, &only);                                   \
        if (lost)                                                                                  \
            (*lost)++;                                                                             \
        return result;                                                                             \
    }                                                                                              \
    static int name##_dynmon_pop_(value_type* value) {                                             \
        return bpf_map_pop_elem(&dynmon_map_(name), value);                                        \
    }                                                                                              \
    static int name##_dynmon_peek_(value_type* value) {                                            \
        return bpf_map_peek_elem(&dynmon_map_(name), value);                                       \
    }                                                                                              \
    static const struct {                                                                          \
        int (*push)(value_type*, __u64);                                                           \
        int (*pop)(value_type*);                                                                   \
        int (*peek)(value_type*);                                                                  \
    } dynmon_ops_(name) = {                                                                        \
        .push = name##_dynmon_push_,                                                               \
        .pop = name##_dynmon_pop_,                                                                 \
        .peek = name##_dynmon_peek_,                                                               \
    }

/* Maps in a map: which one they are like is known by its name only, as a text. */
#define DYNMON_OF_MAPS_(name, entries)                                                             \
    struct {                                                                                       \
        __uint(type, dynmon_type_##name);                                                          \
        __uint(max_entries, entries);                                                              \
        __type(key, __u32);                                                                        \
        __array(values, typeof(dynmon_inner_##name));                                              \
    } dynmon_place_(name);                                                                         \
    static void* name##_dynmon_lookup_(int* key) {                                                 \
        int copy = *key;                                                                           \
        return bpf_map_lookup_elem(&dynmon_map_(name), &copy);                                     \
    }                                                                                              \
    static const struct {                                                                          \
        void* (*lookup)(int*);                                                                     \
    } dynmon_ops_(name) = {                                                                        \
        .lookup = name##_dynmon_lookup_,                                                           \
    }

#define DYNMON_PICK_(a, b, c, d, chosen, ...) chosen

#define BPF_TABLE(type, key, value, name, entries) DYNMON_TABLE_(key, value, name, entries, 0)
#define BPF_F_TABLE(type, key, value, name, entries, flags)                                        \
    DYNMON_TABLE_(key, value, name, entries, flags)
#define BPF_TABLE_SHARED(type, key, value, name, entries, ...)                                     \
    DYNMON_TABLE_(key, value, name, entries, 0)
#define BPF_TABLE_PUBLIC(type, key, value, name, entries, ...)                                     \
    DYNMON_TABLE_(key, value, name, entries, 0)

#define DYNMON_ARRAY_1_(name) DYNMON_TABLE_(int, u64, name, 10240, 0)
#define DYNMON_ARRAY_2_(name, value) DYNMON_TABLE_(int, value, name, 10240, 0)
#define DYNMON_ARRAY_3_(name, value, entries) DYNMON_TABLE_(int, value, name, entries, 0)
#define BPF_ARRAY(...)                                                                             \
    DYNMON_PICK_(__VA_ARGS__, , DYNMON_ARRAY_3_, DYNMON_ARRAY_2_, DYNMON_ARRAY_1_)(__VA_ARGS__)
#define BPF_PERCPU_ARRAY(...) BPF_ARRAY(__VA_ARGS__)

#define DYNMON_HASH_1_(name) DYNMON_TABLE_(u64, u64, name, 10240, 0)
#define DYNMON_HASH_2_(name, key) DYNMON_TABLE_(key, u64, name, 10240, 0)
#define DYNMON_HASH_3_(name, key, value) DYNMON_TABLE_(key, value, name, 10240, 0)
#define DYNMON_HASH_4_(name, key, value, entries) DYNMON_TABLE_(key, value, name, entries, 0)
#define BPF_HASH(...)                                                                              \
    DYNMON_PICK_(__VA_ARGS__, DYNMON_HASH_4_, DYNMON_HASH_3_, DYNMON_HASH_2_, DYNMON_HASH_1_)      \
    (__VA_ARGS__)
#define BPF_PERCPU_HASH(...) BPF_HASH(__VA_ARGS__)

#define DYNMON_HISTOGRAM_1_(name) DYNMON_TABLE_(int, u64, name, 64, 0)
#define DYNMON_HISTOGRAM_2_(name, key) DYNMON_TABLE_(key, u64, name, 64, 0)
#define DYNMON_HISTOGRAM_3_(name, key, entries) DYNMON_TABLE_(key, u64, name, entries, 0)
#define BPF_HISTOGRAM(...)                                                                         \
    DYNMON_PICK_(__VA_ARGS__, , DYNMON_HISTOGRAM_3_, DYNMON_HISTOGRAM_2_, DYNMON_HISTOGRAM_1_)     \
    (__VA_ARGS__)

#define DYNMON_TRIE_1_(name) DYNMON_TABLE_(u64, u64, name, 10240, BPF_F_NO_PREALLOC)
#define DYNMON_TRIE_2_(name, key) DYNMON_TABLE_(key, u64, name, 10240, BPF_F_NO_PREALLOC)
#define DYNMON_TRIE_3_(name, key, value) DYNMON_TABLE_(key, value, name, 10240, BPF_F_NO_PREALLOC)
#define DYNMON_TRIE_4_(name, key, value, entries)                                                  \
    DYNMON_TABLE_(key, value, name, entries, BPF_F_NO_PREALLOC)
#define BPF_LPM_TRIE(...)                                                                          \
    DYNMON_PICK_(__VA_ARGS__, DYNMON_TRIE_4_, DYNMON_TRIE_3_, DYNMON_TRIE_2_, DYNMON_TRIE_1_)      \
    (__VA_ARGS__)

#define BPF_QUEUESTACK(type, name, value, entries, ...) DYNMON_QUEUE_(value, name, entries)
#define BPF_QUEUESTACK_SHARED(type, name, value, entries, ...) DYNMON_QUEUE_(value, name, entries)
#define BPF_QUEUESTACK_PUBLIC(type, name, value, entries, ...) DYNMON_QUEUE_(value, name, entries)
#define BPF_QUEUE(name, value, entries, ...) DYNMON_QUEUE_(value, name, entries)
#define BPF_STACK(name, value, entries, ...) DYNMON_QUEUE_(value, name, entries)

#define BPF_HASH_OF_MAPS(name, inner, entries) DYNMON_OF_MAPS_(name, entries)
#define BPF_ARRAY_OF_MAPS(name, inner, entries) DYNMON_OF_MAPS_(name, entries)

#endif

/* From here on everything is the author's. */
#pragma clang attribute push(__attribute__((always_inline)), apply_to = function)
#pragma clang attribute push(__attribute__((internal_linkage)), apply_to = function)

#endif
