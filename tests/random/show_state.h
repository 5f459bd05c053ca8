/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the files of the oracle share: the style at hand and where the text goes. */
#pragma once

#include <stdio.h>

/* RECORD_CELLS: what a record of NumPy keeps, as cells: raw ones, but for what is true or false. */
enum style { RAW, PEOPLE, DYNMON, RAW_CELLS, PEOPLE_CELLS, RECORD_CELLS, STYLES };
extern enum style style;
extern FILE* out;

static inline int is_cells(void) {
    return style >= RAW_CELLS;
}

int is_between_values(void); /* all that was opened is closed */
void begin_cell(void);       /* the name of the field at hand, for cells */
void end_cell(void);
