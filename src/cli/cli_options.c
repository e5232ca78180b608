/* SPDX-License-Identifier: MIT
 *
 * cli_options.c - see cli_options.h. Nothing is printed here but help; a wrong word becomes a fault
 * that the caller reports. Tests: tests/cli/test_options.c.
 */
#include "cli_options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Edit distance, for words shorter than 32; larger than any limit otherwise. */
static int distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    int row[33];
    if (la > 32 || lb > 32)
        return 99;
    for (size_t j = 0; j <= lb; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= la; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            int drop = row[j] + 1, add = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < drop ? (change < add ? change : add) : (drop < add ? drop : add);
        }
    }
    return row[lb];
}

const char *option_nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    int best_distance = strlen(word) <= 4 ? 2 : 3; /* fewer edits than this */
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(word);
        int edits = distance(word, candidates[i]);
        if (length >= 3 && strncmp(word, candidates[i], length) == 0)
            edits = 1;
        if (edits < best_distance) {
            best_distance = edits;
            best = candidates[i];
        }
    }
    return best;
}

static pum_status unknown(const char *name, const struct option_row *rows, size_t row_count,
                          struct fault *fault)
{
    const char *names[64];
    size_t count = row_count < 64 ? row_count : 64;
    for (size_t i = 0; i < count; i++)
        names[i] = rows[i].name;
    const char *near = option_nearest(name, names, count);
    return near != NULL ? fault_set(fault, PUM_E_ARGUMENT,
                                    "unknown option --%s; did you mean --%s?", name, near)
                        : fault_set(fault, PUM_E_ARGUMENT,
                                    "unknown option --%s; --help lists the options", name);
}

static pum_status take_number(const struct option_row *row, const char *value, struct fault *fault)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    bool bad = end == value || *end != '\0' || errno != 0;
    bool bounded = row->least != 0 || row->most != 0;
    if (bad || (bounded && (number < row->least || number > row->most))) {
        if (!bounded)
            return fault_set(fault, PUM_E_ARGUMENT, "--%s wants a whole number, not '%s'",
                             row->name, value);
        return fault_set(fault, PUM_E_ARGUMENT,
                         "--%s wants a whole number from %lld to %lld, not '%s'", row->name,
                         (long long)row->least, (long long)row->most, value);
    }
    *(int64_t *)row->target = number;
    return PUM_OK;
}

static pum_status take_decimal(const struct option_row *row, const char *value,
                               struct fault *fault)
{
    char *end;
    double number = strtod(value, &end);
    bool bad = end == value || *end != '\0' || !isfinite(number);
    bool bounded = row->least != 0 || row->most != 0;
    if (bad || (bounded && (number < (double)row->least || number > (double)row->most))) {
        if (!bounded)
            return fault_set(fault, PUM_E_ARGUMENT, "--%s wants a number, not '%s'", row->name,
                             value);
        return fault_set(fault, PUM_E_ARGUMENT, "--%s wants a number from %lld to %lld, not '%s'",
                         row->name, (long long)row->least, (long long)row->most, value);
    }
    *(double *)row->target = number;
    return PUM_OK;
}

static pum_status push(struct option_words *words, const char *word, const char *what,
                       struct fault *fault)
{
    size_t room = sizeof(words->items) / sizeof(words->items[0]);
    if ((size_t)words->count == room)
        return fault_set(fault, PUM_E_ARGUMENT, "too many %s: at most %zu", what, room);
    words->items[words->count++] = word;
    return PUM_OK;
}

static pum_status take_option(const struct option_row *row, const char *value, struct fault *fault)
{
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)row->target = true;
        return PUM_OK;
    case OPTION_TEXT:
        *(const char **)row->target = value;
        return PUM_OK;
    case OPTION_NUMBER:
        return take_number(row, value, fault);
    case OPTION_DECIMAL:
        return take_decimal(row, value, fault);
    case OPTION_LIST:
        return push(row->target, value, row->name, fault);
    }
    return PUM_OK;
}

pum_status option_parse(int argc, char **argv, const struct option_row *rows, size_t row_count,
                        struct option_words *words, struct fault *fault)
{
    bool only_words = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        pum_status status;
        if (only_words || word[0] != '-' || word[1] == '\0') {
            status = push(words, word, "arguments", fault);
        } else if (strcmp(word, "--") == 0) {
            only_words = true;
            continue;
        } else {
            const char *name = strcmp(word, "-h") == 0 ? "help" : word + 2;
            if (word[1] != '-' && strcmp(word, "-h") != 0)
                return fault_set(fault, PUM_E_ARGUMENT,
                                 "unknown option %s; options begin with two dashes", word);
            const char *equals = strchr(name, '=');
            size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
            const struct option_row *row = NULL;
            for (size_t k = 0; k < row_count; k++)
                if (strlen(rows[k].name) == length && strncmp(rows[k].name, name, length) == 0)
                    row = &rows[k];
            if (row == NULL) {
                char bare[64];
                snprintf(bare, sizeof(bare), "%.*s", (int)(length < 60 ? length : 60), name);
                return unknown(bare, rows, row_count, fault);
            }
            if (row->kind == OPTION_FLAG && equals != NULL)
                return fault_set(fault, PUM_E_ARGUMENT, "--%s takes no value", row->name);
            const char *value = equals != NULL ? equals + 1 : NULL;
            if (row->kind != OPTION_FLAG && value == NULL) {
                if (i + 1 == argc)
                    return fault_set(fault, PUM_E_ARGUMENT, "--%s wants a value: --%s %s",
                                     row->name, row->name, row->value);
                value = argv[++i];
            }
            status = take_option(row, value, fault);
        }
        if (status != PUM_OK)
            return status;
    }
    return PUM_OK;
}

void option_print_help(FILE *stream, const struct option_row *rows, size_t row_count)
{
    int width = 0;
    for (size_t i = 0; i < row_count; i++) {
        size_t length = strlen(rows[i].name) + (rows[i].value ? strlen(rows[i].value) + 1 : 0);
        width = (int)length > width ? (int)length : width;
    }
    for (size_t i = 0; i < row_count; i++) {
        const char *value = rows[i].value != NULL ? rows[i].value : "";
        int used = fprintf(stream, "  --%s%s%s", rows[i].name, value[0] != '\0' ? " " : "", value);
        fprintf(stream, "%*s  %s\n", width + 4 - used, "", rows[i].help);
    }
}
