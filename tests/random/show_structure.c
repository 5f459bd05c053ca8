// SPDX-License-Identifier: BSD-2-Clause
/* Groups, lists and the path of the field at hand. */
#include <stdio.h>

#include "show.h"
#include "show_state.h"

enum style style;
FILE* out;

static char path[1 << 14]; /* of the field at hand, for cells */
static size_t path_length;
static size_t lengths[128]; /* of the paths around it */
static unsigned depth;
static int needs_comma[128]; /* of the groups and lists around */
static unsigned level;

static void push_path(const char* step) {
    lengths[depth++] = path_length;
    path_length += (size_t)sprintf(path + path_length, "%s", step);
}

static void pop_path(void) {
    path_length = lengths[--depth];
    path[path_length] = '\0';
}

static void open_with(const char* bracket) {
    if (!is_cells())
        fputs(bracket, out);
    needs_comma[level++] = 0;
}

static void close_with(const char* bracket) {
    if (!is_cells())
        fputs(bracket, out);
    --level;
}

static void comma(void) {
    if (needs_comma[level - 1]++ && !is_cells())
        fputc(',', out);
}

void open_group(void) {
    open_with("{");
}
void close_group(void) {
    close_with("}");
}

static int in_list[128];

void open_list(void) {
    open_with("[");
    in_list[level] = 0;
}

void next_element(unsigned index) {
    char step[16];
    comma();
    if (in_list[level]++)
        pop_path();
    sprintf(step, "[%u]", index);
    push_path(step);
}

void close_list(void) {
    if (in_list[level])
        pop_path();
    close_with("]");
}

void next_member(const char* name) {
    char step[64];
    comma();
    if (!is_cells())
        fprintf(out, "\"%s\":", name);
    sprintf(step, ".%s", name);
    push_path(step);
}

void end_member(void) {
    pop_path();
}

void begin_cell(void) {
    if (is_cells())
        fprintf(out, "value%s=", path);
}

void end_cell(void) {
    if (is_cells())
        fputc('\t', out);
}

int is_between_values(void) {
    return level == 0 && depth == 0 && path_length == 0;
}
