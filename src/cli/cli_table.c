/* SPDX-License-Identifier: MIT
 *
 * cli_table.c - see cli_table.h.
 */
#include "cli_table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_begin(struct cli_table *table, const char *align, const char *const *headers)
{
    memset(table, 0, sizeof(*table));
    table->align = align;
    table->columns = strlen(align);
    for (size_t i = 0; headers != NULL && i < table->columns; i++)
        table_cell(table, "%s", headers[i]);
}

void table_cell(struct cli_table *table, const char *format, ...)
{
    if (table->count == table->room) {
        size_t room = table->room == 0 ? 64 : table->room * 2;
        char **grown = realloc(table->cells, room * sizeof(*grown));
        if (grown == NULL) {
            table->failed = true;
            return;
        }
        table->cells = grown;
        table->room = room;
    }
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        table->failed = true;
        return;
    }
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    table->cells[table->count++] = text;
}

static size_t text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(FILE *stream, const char *text, size_t width, char align, bool last)
{
    int pad = (int)(width - text_width(text));
    if (align == 'r')
        fprintf(stream, "%*s%s", pad, "", text);
    else
        fprintf(stream, "%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", stream);
}

bool table_end(struct cli_table *table, FILE *stream)
{
    bool ok = !table->failed;
    size_t widths[32] = {0};
    for (size_t i = 0; i < table->count; i++) {
        size_t width = text_width(table->cells[i]);
        size_t *column = &widths[i % table->columns % 32];
        *column = width > *column ? width : *column;
    }
    for (size_t i = 0; i < table->count; i++) {
        size_t column = i % table->columns;
        if (ok)
            print_cell(stream, table->cells[i], widths[column % 32], table->align[column],
                       column + 1 == table->columns);
        free(table->cells[i]);
    }
    free(table->cells);
    memset(table, 0, sizeof(*table));
    return ok;
}
