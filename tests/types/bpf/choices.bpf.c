// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "case.h"

/* Enums, structs and unions. */
enum sparse { NEVER = -3, RED = 1, ALSO_RED = 1, GREEN = 5, FAR = 1000000 };
enum tiny { TINY = 7, FULL = 200 } __attribute__((packed));
enum bits { BIT_LOW = 1, BIT_HIGH = 0x80000000 };
typedef enum { FIRST = 1, SECOND } named_by_typedef;

CASE enum sparse enum_known = GREEN;
CASE enum sparse enum_negative = NEVER;
CASE enum sparse enum_twice = RED;
CASE enum sparse enum_unknown = 2;
CASE enum sparse enum_unknown_negative = -7;
CASE enum sparse enum_far = FAR;
CASE enum tiny enum_packed = FULL;
CASE enum bits enum_top_bit = BIT_HIGH;
CASE named_by_typedef enum_typedef = SECOND;
CASE enum sparse enum_list[3] = {RED, NEVER, 4};
CASE __u32 integer_as_enum = 5;
CASE __u8 byte_as_enum = 0xfd; /* NEVER as a byte has it */
CASE __u32 integer_as_flags = 0x80000041;
CASE __u32 integer_as_no_flags = 0;

struct point {
    __s16 x;
    __s16 y;
};
struct nested {
    struct point from;
    struct {
        struct point inner;
    } wrapped;
    struct point list[2];
};
CASE struct nested nested = {{-1, 2}, {{3, -4}}, {{5, 6}, {7, 8}}};

struct anonymous {
    __u32 before;
    struct {
        __u16 low;
        union {
            __u16 high;
            __u8 parts[2];
        };
    };
    struct {
        __u32 last;
    };
};
CASE struct anonymous anonymous = {1, {2, {0x0403}}, {5}};

union arms {
    __u32 whole;
    __u16 halves[2];
    struct {
        __u8 first;
        __u8 rest[3];
    } parts;
};
CASE union arms union_arms = {0x04030201};

struct with_union {
    __u8 kind;
    union arms u;
};
CASE struct with_union union_member = {2, {0x0a0b0c0d}};

struct point32 {
    struct point a;
};
CASE struct point32 one_member = {{9, -9}};
