/* What the files of the oracle share: the style at hand and where the text goes. */
#pragma once

#include <stdio.h>

enum style { RAW, PEOPLE, DYNMON, RAW_CELLS, PEOPLE_CELLS, STYLES };
extern enum style style;
extern FILE* out;

static inline int is_cells(void) {
    return style == RAW_CELLS || style == PEOPLE_CELLS;
}

int is_between_values(void); /* all that was opened is closed */
void begin_cell(void);       /* the name of the field at hand, for cells */
void end_cell(void);
