// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
#include "case.h"

typedef __u8 mac_t[6];
typedef int row_t[3];
typedef char name_t[4];

struct point {
    __s16 x;
    __s16 y;
};

struct after {
    int grid[2][3];
    __u32 next; /* is right only if both dimensions were taken */
};
CASE struct after two_dimensions = {{{1, 2, 3}, {-4, -5, -6}}, 7};
CASE __u8 three_dimensions[2][2][2] = {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}};

struct typed {
    mac_t address;
    row_t rows[2];
    __u16 next;
};
CASE struct typed of_typedefs = {{2, 0, 0, 0, 0, 1}, {{1, 2, 3}, {4, 5, 6}}, 8};

CASE struct point of_structs[2] = {{1, -2}, {3, -4}};
CASE _Bool of_bools[2] = {1, 0};
CASE __u64 of_wide[2] = {1, 18446744073709551615ull};

CASE char text_short[8] = "eth0";
CASE char text_full[4] = {'a', 'b', 'c', 'd'};
CASE name_t text_typedef = "lo";
CASE char text_empty[4] = "";
CASE char text_utf8[8] = "\303\244\342\202\254";
CASE char text_no_utf8[4] = {(char)0xff, 'a', 0, 0};
CASE char text_behind_nul[4] = {'a', 0, 'b', 0};
CASE char text_escapes[8] = "q\"\\\n,\t";
CASE char text_list[2][4] = {"ab", "cd"};

CASE __u8 bytes[4] = {2, 0xab, 0, 0};
CASE __u8 bytes_full[2] = {0x61, 0x62};
CASE __u8 bytes_leading_nul[3] = {0, 0x61, 0x62};
CASE signed char bytes_signed[2] = {-1, 1};
CASE __u8 bytes_as_text[4] = "ab";
CASE char text_as_bytes[4] = "ab";

struct flexible {
    __u32 count;
    __u16 rest[];
};
CASE struct flexible flexible_tail = {3};

struct zero_length {
    __u32 a;
    __u64 none[0];
    __u32 b;
};
CASE struct zero_length zero_length = {1, {}, 2};

struct nothing_in {
    struct {
    } empty;
    __u8 a;
};
CASE struct nothing_in empty_struct = {{}, 4};
