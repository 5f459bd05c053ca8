// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
// not for bpf-gcc: it makes indirect calls of the helpers in bpf_helpers.h
// Everything that a monitor reads, and where it may write.
#define NO_CHAIN
#include "chain.h"

struct value {
    struct bpf_spin_lock lock;
    __u64 packets;
    __u8 first[16];
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 16);
    __type(key, __u32);
    __type(value, struct value);
} TABLE SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4096);
} EVENTS SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
} PERF SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, 16);
    __type(value, __u32);
} QUEUE SEC(".maps");

struct inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
};
struct inner FIRST SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(values, struct inner);
} OUTER SEC(".maps") = {.values = {[0] = &FIRST}};

__u64 totals[4];

SEC("tc") int into_values(struct __sk_buff* skb) {
    const __u8* data = (void*)(long)skb->data;
    const __u8* end = (void*)(long)skb->data_end;
    __u32 key = skb->ifindex;
    struct value* value = bpf_map_lookup_elem(&TABLE, &key);

    if (!value) {
        struct value none = {};
        bpf_map_update_elem(&TABLE, &key, &none, BPF_NOEXIST);
        return TC_ACT_UNSPEC;
    }
    bpf_spin_lock(&value->lock);
    value->packets++;
    bpf_spin_unlock(&value->lock);
    if (data + 16 <= end)
        __builtin_memcpy(value->first, data, 16);
    totals[skb->len & 3] += skb->len;
    return TC_ACT_UNSPEC;
}

SEC("tc") int into_stack(struct __sk_buff* skb) {
    __u8 bytes[64] = {};
    __u32 sum = 0;

    if (bpf_skb_load_bytes(skb, 0, bytes, sizeof(bytes)))
        return TC_ACT_UNSPEC;
    for (int i = 0; i < 64; i++)
        sum += bytes[i];
    bytes[skb->len & 63] = sum;
    bpf_map_push_elem(&QUEUE, bytes, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int into_events(struct __sk_buff* skb) {
    __u64* event = bpf_ringbuf_reserve(&EVENTS, 16, 0);
    __u32 length = skb->len;

    bpf_perf_event_output(skb, &PERF, BPF_F_CURRENT_CPU, &length, sizeof(length));
    if (!event)
        return TC_ACT_UNSPEC;
    event[0] = bpf_ktime_get_ns();
    event[1] = length;
    bpf_ringbuf_submit(event, 0);
    return TC_ACT_UNSPEC;
}

SEC("tc") int into_inner_map(struct __sk_buff* skb) {
    __u32 zero = 0;
    void* inner = bpf_map_lookup_elem(&OUTER, &zero);
    __u64* value = inner ? bpf_map_lookup_elem(inner, &zero) : 0;

    if (value)
        *value += 1;
    return TC_ACT_UNSPEC;
}

static __noinline int fill(struct value* value, const struct __sk_buff* skb) {
    if (!value)
        return 0;
    value->packets = skb->len;
    return 1;
}

SEC("tc") int in_function(struct __sk_buff* skb) {
    __u32 key = 0;

    totals[0] += fill(bpf_map_lookup_elem(&TABLE, &key), skb);
    return TC_ACT_UNSPEC;
}

SEC("tc") int of_socket(struct __sk_buff* skb) {
    struct bpf_sock* sk = skb->sk;

    if (sk)
        sk = bpf_sk_fullsock(sk);
    if (sk)
        totals[1] += sk->src_port;
    return TC_ACT_UNSPEC;
}
