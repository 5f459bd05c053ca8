// SPDX-License-Identifier: BSD-2-Clause
/* The oracle's half that no type changes: fills values with bytes and shows them in every style.
 *
 *     oracle SEED VALUES EXPECTED
 *
 * appends to VALUES a line "NAME HEX" for each value, and to EXPECTED one line for each style.
 * The texts are made as loader/decode/decode_plan.hpp documents them, without its code: printf,
 * strtod, and the compiler's own idea of where a field lies.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "show_state.h"

enum { FILLS = 7 };

static uint64_t state;

static uint64_t next_random(void) { /* splitmix64 */
    uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static void put_special(unsigned char* at) { /* 8 bytes */
    static const double doubles[] = {NAN,
                                     INFINITY,
                                     -INFINITY,
                                     -0.0,
                                     5e-324,
                                     0.1,
                                     1e15,
                                     1e-4,
                                     1e-5,
                                     999999999999999.9,
                                     1.7976931348623157e308,
                                     2.2250738585072014e-308,
                                     1e22,
                                     9007199254740993.0,
                                     0.5,
                                     1e14 + 0.5,
                                     4.35,
                                     0x1p-1022,
                                     0x1p100};
    static const float floats[] = {
        NAN,   INFINITY,        -INFINITY, -0.0f,       1e-45f,        0.1f,
        1e15f, 1e-4f,           9e-5f,     16777216.0f, 3.4028235e38f, 1.17549435e-38f,
        1e10f, 123456789012.0f, 0x1p-126f, 0x1p60f,     8.5f,          33554434.0f};
    static const char* const texts[] = {"\xc3\xa9t\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                                        "\xc0\xaf",          "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                        "\xe2\x82",          "0x12",         "a\"b\\c\n",
                                        "\t\x01\x7f",        ",;\r"};
    const uint64_t pick = next_random();
    switch (pick >> 8 & 7) {
    case 0:
    case 1:
        memcpy(at, &doubles[pick % (sizeof doubles / sizeof *doubles)], 8);
        break;
    case 2:
    case 3:
        memcpy(at, &floats[pick % (sizeof floats / sizeof *floats)], 4);
        memcpy(at + 4, &floats[(pick >> 32) % (sizeof floats / sizeof *floats)], 4);
        break;
    case 4:
        strncpy((char*)at, texts[pick % (sizeof texts / sizeof *texts)], 8);
        break;
    case 5: /* the ends of what 64 and 32 bits hold */
        memcpy(at,
               (const uint64_t[]){INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX, 0x7fffffff80000000} +
                   pick % 4,
               8);
        break;
    default: /* small, positive and negative: what enums are made of */
        for (int i = 0; i < 2; ++i) {
            const int32_t small = (int32_t)(next_random() % 16) - 8;
            memcpy(at + 4 * i, &small, 4);
        }
    }
}

static void fill(unsigned char* bytes, size_t size, int way) {
    unsigned char word[8];
    for (size_t i = 0; i < size; ++i) {
        const uint64_t random = next_random();
        if (way == 0 || way == 1)
            bytes[i] = way ? 0xff : 0;
        else if (way == 2 || way == 3)
            bytes[i] = (unsigned char)random;
        else if (way == 4) /* text and its ends */
            bytes[i] = random % 12 == 0 ? 0 : (unsigned char)(' ' + (random >> 8) % 95);
        else if (way == 5) /* small numbers in single bytes */
            bytes[i] = random % 3 == 0 ? (unsigned char)((random >> 8) % 8) : 0;
        else {
            if (i % 8 == 0)
                put_special(word);
            bytes[i] = word[i % 8];
        }
    }
}

static void show_value(const struct subject* subject, const unsigned char* bytes, FILE* values,
                       FILE* expected) {
    fprintf(values, "%s ", subject->name);
    for (size_t i = 0; i < subject->size; ++i)
        fprintf(values, "%02x", bytes[i]);
    fputc('\n', values);
    out = expected;
    for (style = 0; style < STYLES; ++style) {
        subject->visit(bytes);
        fputc('\n', expected);
        if (!is_between_values())
            abort();
    }
}

int main(int argc, char** argv) {
    if (argc != 4)
        return 2;
    FILE* const values = fopen(argv[2], "a");
    FILE* const expected = fopen(argv[3], "a");
    if (!values || !expected)
        return 2;
    state = strtoull(argv[1], NULL, 10);
    for (const struct subject* subject = subjects; subject->name; ++subject) {
        unsigned char* const bytes = aligned_alloc(64, (subject->size + 64) / 64 * 64);
        for (int way = 0; way < FILLS; ++way) {
            fill(bytes, subject->size, way);
            show_value(subject, bytes, values, expected);
        }
        free(bytes);
    }
    return fclose(values) || fclose(expected);
}
