/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the oracle's programs call for each field: writes values as dynmon documents them. */
#pragma once

#include <stddef.h>

struct enumerator {
    __int128 value;
    const char* name; /* NULL ends the list */
};

/* One type under test: how large its values are, and the function that shows one. */
struct subject {
    const char* name;
    size_t size;
    void (*visit)(const void* value);
};
extern const struct subject subjects[]; /* ends with a NULL name */

void open_group(void);
void close_group(void);
void next_member(const char* name);
void end_member(void);
void open_list(void);
void close_list(void);
void next_element(unsigned index);

void show_signed(__int128 value);
void show_unsigned(unsigned __int128 value);
void show_bool(unsigned stored);
void show_enum(__int128 value, const struct enumerator* names);
void show_pointer(unsigned long value);
void show_float(const void* at);
void show_double(const void* at);
void show_char_array(const void* at, size_t count);   /* char */
void show_byte_array(const void* at, size_t count);   /* unsigned char */
void show_signed_array(const void* at, size_t count); /* signed char */

static inline unsigned byte_at(const void* at) {
    return *(const unsigned char*)at;
}
