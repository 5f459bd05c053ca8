// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* One global of every kind, with known values: the compiler writes both the bytes and their BTF. */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __be32 dynmon_ipv4_t;
typedef __u8 dynmon_tcp_flags_t;
typedef __u64 dynmon_time_ns_t;
typedef __u8 mac_t[6];

enum color { RED = 1, GREEN = 5, NEGATIVE = -3 };
enum small { TINY = 7 } __attribute__((packed));

struct point {
    short x;
    short y;
};

struct integers {
    signed char s8;
    __u8 u8;
    short s16;
    __u16 u16;
    int s32;
    __u32 u32;
    long long s64;
    __u64 u64;
    __int128 s128;
    unsigned __int128 u128;
    char letter;
    _Bool yes;
};

struct bitfields {
    int a : 3;
    unsigned b : 11;
    int : 5; /* unnamed: only room */
    enum color c : 4;
    _Bool d : 1;
    __u64 e : 40;
    unsigned f : 30;
    int g : 17;
};

struct tcp { /* as in linux/tcp.h */
    __be16 source;
    __be16 dest;
    __be32 seq;
    __be32 ack_seq;
    __u16 res1 : 4, doff : 4, fin : 1, syn : 1, rst : 1, psh : 1, ack : 1, urg : 1, ece : 1, cwr : 1;
    __be16 window;
    __u16 check;
    __be16 urg_ptr;
};

struct arrays {
    char text[8];
    char full[4];
    __u8 raw[3];
    mac_t macs[2];
    int grid[2][3];
    struct point points[2];
    enum color colors[3];
    char words[2][4];
    const volatile __u16 constant[2];
};

struct unions {
    union {
        __u32 whole;
        __u16 halves[2];
        struct {
            __u8 first;
            __u8 rest[3];
        };
    } named;
    union {
        float real;
        struct {
            __u16 low;
            __u16 high;
        };
    };
    struct {
        struct point inner;
    } wrapped;
};

struct odd {
    __u8 a;
    __u64 b;
    __u16 c;
} __attribute__((packed));

struct aligned {
    __u8 a;
    __u32 b __attribute__((aligned(16)));
};

struct others {
    double d;
    float f;
    void* pointer;
    enum color color;
    enum color unknown;
    enum small small;
    dynmon_ipv4_t addr;
    __be16 be;
    dynmon_tcp_flags_t flags;
    dynmon_time_ns_t never;
    struct {
    } nothing;
    __u32 rest[];
};

struct integers integers = {
    -128, 255, -32768, 65535, -2147483647 - 1, 4294967295u, -9223372036854775807ll - 1,
    18446744073709551615ull, -((__int128)1 << 100), ~(unsigned __int128)0, 'A', 1};
struct bitfields bitfields = {-3, 1500, NEGATIVE, 1, 0xabcdef0123, 1073741823, -65536};
struct tcp tcp = {.source = 0x5000, .dest = 0xbb01, .seq = 0x04030201, .doff = 5, .syn = 1, .ack = 1};
struct arrays arrays = {"lo",
                        "abcd",
                        {1, 2, 255},
                        {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}},
                        {{1, 2, 3}, {-4, -5, -6}},
                        {{1, 2}, {3, 4}},
                        {RED, GREEN, 4},
                        {"ab", "cd"},
                        {7, 8}};
struct unions unions = {.named = {.whole = 0x04030201},
                        .real = 1.5f,
                        .wrapped = {{-1, -2}}};
struct odd odd = {1, 0x0807060504030201, 9};
struct aligned aligned = {1, 2};
struct others others = {.d = 0.1,
                        .f = 0.1f,
                        .pointer = 0,
                        .color = NEGATIVE,
                        .unknown = (enum color)3,
                        .small = TINY,
                        .addr = 0x0100000a,
                        .be = 0x5000,
                        .flags = 0x12};
