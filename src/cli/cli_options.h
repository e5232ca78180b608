/* SPDX-License-Identifier: MIT
 *
 * cli_options.h - one parser for all commands: a table row an option, `--name value` or
 * `--name=value`, flags, and the words that are no options. Errors name the option.
 * Tests: tests/cli/test_options.c.
 */
#ifndef PUM_CLI_OPTIONS_H
#define PUM_CLI_OPTIONS_H

#include "image/fault.h"

#include <stdio.h>

enum option_kind {
    OPTION_FLAG,   /* target: bool */
    OPTION_TEXT,   /* target: const char * */
    OPTION_NUMBER, /* target: int64_t; only digits; least to most */
    OPTION_DECIMAL, /* target: double; least to most */
    OPTION_LIST    /* target: struct option_words; may be given again */
};

/* Words of argv; not copied. */
struct option_words {
    const char *items[512];
    int32_t count;
};

struct option_row {
    const char *name; /* "repeat", without the dashes */
    enum option_kind kind;
    const char *value; /* what the help calls the value: "N", "FILE" */
    const char *help;
    void *target;
    int64_t least, most; /* of a number; both 0: any */
};

/* Reads argv into the rows' targets and `words`. PUM_E_ARGUMENT with a message. */
pum_status option_parse(int argc, char **argv, const struct option_row *rows, size_t row_count,
                        struct option_words *words, struct fault *fault);

/* The options as two aligned columns. */
void option_print_help(FILE *stream, const struct option_row *rows, size_t row_count);

/* The candidate nearest to a mistyped word, NULL if none is near. */
const char *option_nearest(const char *word, const char *const *candidates, size_t count);

#endif
