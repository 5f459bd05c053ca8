// SPDX-License-Identifier: BSD-2-Clause
/* Numbers, with printf and strtod: the shortest real is looked for, not computed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "show.h"
#include "show_state.h"

static void show_plain(const char* text, int quoted) {
    begin_cell();
    fprintf(out, quoted && !is_cells() ? "\"%s\"" : "%s", text);
    end_cell();
}

static const char* decimal(unsigned __int128 value, int negative) {
    static char text[48];
    char* at = text + sizeof text - 1;
    *at = '\0';
    do
        *--at = (char)('0' + (int)(value % 10));
    while ((value /= 10) != 0);
    if (negative)
        *--at = '-';
    return at;
}

void show_signed(__int128 value) {
    const unsigned __int128 bits = (unsigned __int128)value;
    show_plain(decimal(value < 0 ? -bits : bits, value < 0), 0);
}

void show_unsigned(unsigned __int128 value) {
    show_plain(decimal(value, 0), 0);
}

void show_bool(unsigned stored) {
    if (style == RAW || style == RAW_CELLS)
        show_unsigned(stored);
    else
        show_plain(stored ? "true" : "false", 0);
}

void show_enum(__int128 value, const struct enumerator* names) {
    if (style != RAW && style != RAW_CELLS && style != RECORD_CELLS)
        for (; names->name; ++names)
            if (names->value == value) {
                show_plain(names->name, 1);
                return;
            }
    show_signed(value);
}

void show_pointer(unsigned long value) {
    char text[32];
    if (style != PEOPLE && style != PEOPLE_CELLS) {
        show_unsigned(value);
        return;
    }
    sprintf(text, "0x%lx", value);
    show_plain(text, 1);
}

static int reads_back(const char* text, double value, int single) {
    return single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
}

/* The fewest digits that read back as `value`, and of those the nearest: as "d.ddde±XX". */
static void shortest(double value, int single, char* text) {
    for (int digits = 1; digits <= 17; ++digits) {
        char nearest[64];
        sprintf(nearest, "%.*e", digits - 1, value);
        if (reads_back(nearest, value, single)) {
            strcpy(text, nearest);
            return;
        }
        /* At a power of two the interval is lopsided: a neighbour may do where the nearest fails.
         */
        char packed[32];
        size_t count = 0;
        const char* from = nearest;
        for (; *from != 'e'; ++from)
            if (*from >= '0' && *from <= '9')
                packed[count++] = *from;
        packed[count] = '\0';
        const int exponent = atoi(from + 1);
        for (int step = -1; step <= 1; step += 2) {
            sprintf(packed, "%llu", strtoull(packed, NULL, 10) + (step < 0 ? -1 : 2));
            if ((int)strlen(packed) != digits) /* 999 + 1: found with fewer digits, if at all */
                break;
            sprintf(text, digits > 1 ? "%s%c.%se%+03d" : "%s%c%se%+03d", value < 0 ? "-" : "",
                    packed[0], packed + 1, exponent);
            if (reads_back(text, value, single))
                return;
        }
    }
}

static void show_real(double value, int single, unsigned long bits) {
    char digits[64], text[64];
    const double size = fabs(value);
    const double small = single ? 1e-4f : 1e-4, large = single ? 1e15f : 1e15;
    if (!isfinite(value)) {
        const char* word = isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf";
        sprintf(text, single ? "0x%08lx" : "0x%016lx", bits); /* raw loses nothing */
        show_plain(is_cells() ? word : style == RAW ? text : "null", style == RAW);
        return;
    }
    if (value == 0) {
        show_plain(signbit(value) ? "-0.0" : "0.0", 0);
        return;
    }
    shortest(value, single, digits);
    char* const e = strchr(digits, 'e');
    if (size < small || size >= large) { /* as it is, but for zeros that say nothing */
        show_plain(digits, 0);
        return;
    }
    const int exponent = atoi(e + 1);
    const int count = (int)(e - digits) - (value < 0) - (strchr(digits, '.') ? 1 : 0);
    const int decimals = count - 1 - exponent; /* none: an integer, which is written exactly */
    sprintf(text, "%.*f", decimals > 0 ? decimals : 1, value);
    show_plain(text, 0);
}

void show_float(const void* at) {
    float value;
    unsigned bits;
    memcpy(&value, at, sizeof value);
    memcpy(&bits, at, sizeof bits);
    show_real(value, 1, bits);
}

void show_double(const void* at) {
    double value;
    unsigned long bits;
    memcpy(&value, at, sizeof value);
    memcpy(&bits, at, sizeof bits);
    show_real(value, 0, bits);
}
