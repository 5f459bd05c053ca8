// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "case.h"

typedef __u32 counter_t;
typedef volatile counter_t shown_t;

CASE __s8 s8 = -128;
CASE __u8 u8 = 255;
CASE __s16 s16 = -32768;
CASE __u16 u16 = 65535;
CASE __s32 s32 = -2147483647 - 1;
CASE __u32 u32 = 4294967295u;
CASE __s64 s64 = -9223372036854775807ll - 1;
CASE __u64 u64_largest = 18446744073709551615ull;
CASE __u64 u64_beyond_2_53 = 9007199254740993ull;
CASE __u64 u64_zero = 0;
CASE long native_long = -5;
CASE __int128 s128 = -((__int128)1 << 100);
CASE unsigned __int128 u128 = ~(unsigned __int128)0;
CASE unsigned __int128 u128_beyond_64 = (unsigned __int128)1 << 64;
CASE char letter = 'A';
CASE signed char small = -1;
CASE _Bool yes = 1;
CASE _Bool no = 0;
CASE shown_t aliased = 7;

struct wide_key {
    __u64 cookie;
    __u32 count;
    __s64 delta;
};
CASE struct wide_key beside_small = {9007199254740993ull, 5, -1};

struct packed {
    __u8 a;
    __u64 b;
    __u16 c;
} __attribute__((packed));
CASE struct packed packed = {1, 0x0807060504030201ull, 9};

struct holes { /* one of 3 and one of 6 bytes */
    __u8 a;
    __u32 b;
    __u16 c;
    __u64 d;
};
CASE struct holes holes = {1, 2, 3, 4};

struct aligned {
    __u8 a;
    __u32 b __attribute__((aligned(16)));
};
CASE struct aligned aligned = {1, 2};

struct padded { /* fields like any other */
    __u32 pad_first;
    __u8 __pad_0;
    __u8 __pad_end;
};
CASE struct padded pad_names = {1, 2, 3};
