// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "case.h"

enum color { RED = 1, GREEN = 5, NEGATIVE = -3 };

struct signed_bits {
    int a : 4;
    int b : 1;
    int c : 27;
};
CASE struct signed_bits signed_bits = {-3, -1, -67108864};

struct across {
    __u32 a : 3;
    __u32 b : 11; /* in two bytes */
    __u32 c : 17; /* in three */
    __u32 d : 1;
};
CASE struct across across_bytes = {5, 1500, 131071, 1};

struct flags {
    _Bool on : 1;
    _Bool off : 1;
    __u8 rest : 6;
};
CASE struct flags bool_bits = {1, 0, 33};

struct colors {
    enum color known : 4;
    enum color negative : 4;
    enum color unknown : 4;
};
CASE struct colors enum_bits = {GREEN, NEGATIVE, 2};

struct units64 {
    __u64 a : 40;
    __u64 b : 23;
    __u64 c : 1;
    __s64 d : 60;
    __u64 e : 4;
};
CASE struct units64 units_of_64 = {0xabcdef0123, 8388607, 1, -5, 9};

struct bits128 {
    unsigned __int128 a : 100;
    unsigned __int128 b : 28;
};
CASE struct bits128 units_of_128 = {((unsigned __int128)1 << 99) + 1, 268435455};

struct tcp { /* as in linux/tcp.h: 20 bytes */
    __be16 source;
    __be16 dest;
    __be32 seq;
    __be32 ack_seq;
    __u16 res1 : 4, doff : 4, fin : 1, syn : 1, rst : 1, psh : 1, ack : 1, urg : 1, ece : 1,
        cwr : 1;
    __be16 window;
    __u16 check;
    __be16 urg_ptr;
};
struct with_header {
    struct tcp header;
    __u32 after; /* is right only if the header took 20 bytes */
};
CASE struct with_header tcp_header = {
    {.source = 0x5000, .dest = 0xbb01, .seq = 0x04030201, .doff = 5, .syn = 1, .ack = 1}, 77};

struct unnamed {
    __u8 a : 3;
    __u8 : 2;
    __u8 b : 3;
    __u8 : 0;
    __u8 c;
};
CASE struct unnamed unnamed_bits = {5, 6, 7};
