// SPDX-License-Identifier: BSD-2-Clause
/* Arrays of bytes: text, exact text, hexadecimal, lists. */
#include <stdint.h>
#include <string.h>

#include "show.h"
#include "show_state.h"

/* Length of the character of UTF-8 at `at`, 0 if it is none: decoded, and encoded again. */
static size_t utf8(const unsigned char* at, size_t left) {
    const unsigned lead = at[0];
    const size_t length = lead < 0x80       ? 1
                          : lead >> 5 == 6  ? 2
                          : lead >> 4 == 14 ? 3
                          : lead >> 3 == 30 ? 4
                                            : 0;
    if (length == 0 || length > left)
        return 0;
    uint32_t code = length == 1 ? lead : lead & (0x7fu >> length);
    for (size_t i = 1; i < length; ++i) {
        if (at[i] >> 6 != 2)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    return length;
}

static void put_character(unsigned char c) {
    static const char letters[] = "b\bf\fn\nr\rt\t";
    if (is_cells()) { /* for the line that the cell is part of */
        fprintf(out, c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\\' ? "\\\\" : "%c", c);
        return;
    }
    for (const char* pair = letters; *pair; pair += 2)
        if (pair[1] == c) {
            fprintf(out, "\\%c", pair[0]);
            return;
        }
    fprintf(out, c < 0x20 ? "\\u%04x" : c == '"' || c == '\\' ? "\\%c" : "%c", c);
}

static void put_text(const unsigned char* at, size_t count) {
    for (size_t i = 0; i < count && at[i];) {
        const size_t length = utf8(at + i, count - i);
        if (length == 0)
            fputs("\xef\xbf\xbd", out);
        else if (length == 1)
            put_character(at[i]);
        else
            fwrite(at + i, 1, length, out);
        i += length ? length : 1;
    }
}

static void put_hex(const unsigned char* at, size_t count) {
    for (size_t i = 0; i < count; ++i)
        fprintf(out, "%02x", at[i]);
}

/* Text that says all there is in the bytes. */
static int is_exact(const unsigned char* at, size_t count) {
    const size_t length = strnlen((const char*)at, count);
    for (size_t i = length; i < count; ++i)
        if (at[i])
            return 0;
    if (length >= 2 && at[0] == '0' && at[1] == 'x')
        return 0;
    for (size_t i = 0; i < length;) {
        const size_t step = utf8(at + i, length - i);
        if (step == 0)
            return 0;
        i += step;
    }
    return 1;
}

enum form { TEXT, EXACT, HEX };

static void show_string(const unsigned char* at, size_t count, enum form form) {
    begin_cell();
    if (!is_cells())
        fputc('"', out);
    if (form == HEX)
        put_hex(at, count);
    else if (form == TEXT || is_exact(at, count))
        put_text(at, count);
    else {
        fputs("0x", out);
        put_hex(at, count);
    }
    if (!is_cells())
        fputc('"', out);
    end_cell();
}

static void show_list(const unsigned char* at, size_t count, int is_signed) {
    open_list();
    for (size_t i = 0; i < count; ++i) {
        next_element((unsigned)i);
        show_signed(is_signed ? (signed char)at[i] : at[i]);
    }
    close_list();
}

void show_char_array(const void* at, size_t count) {
    if (style == DYNMON)
        show_list(at, count, 1);
    else
        show_string(at, count, style == PEOPLE || style == PEOPLE_CELLS ? TEXT : EXACT);
}

void show_byte_array(const void* at, size_t count) {
    if (style == RAW)
        show_list(at, count, 0);
    else
        show_string(at, count, style == DYNMON ? TEXT : HEX);
}

void show_signed_array(const void* at, size_t count) {
    if (style == DYNMON)
        show_string(at, count, TEXT);
    else
        show_list(at, count, 1);
}
