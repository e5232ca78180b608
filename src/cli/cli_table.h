/* SPDX-License-Identifier: MIT
 *
 * cli_table.h - aligned columns on a terminal. Cells are added row by row; widths are counted in
 * characters, not bytes; control characters in a cell are shown as '?'. Tests: tests/cli.
 */
#ifndef PUM_CLI_TABLE_H
#define PUM_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct cli_table {
    const char *align; /* a letter a column: l or r */
    size_t columns;
    char **cells;
    size_t count, room;
    bool failed; /* out of memory: nothing is printed */
};

/* `headers` has as many entries as `align` letters; NULL: no header. */
void table_begin(struct cli_table *table, const char *align, const char *const *headers);
void table_cell(struct cli_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints and frees; false: out of memory. */
bool table_end(struct cli_table *table, FILE *stream);

#endif
