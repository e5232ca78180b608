/* SPDX-License-Identifier: MIT
 *
 * cli.h - what the commands share: the common options, the context and device, and how a
 * failure becomes one line on stderr and an exit code. A command is one file cmd_NAME.c with one
 * `struct command`. Text goes to stdout, everything about how it went to stderr.
 */
#ifndef PUM_CLI_CLI_H
#define PUM_CLI_CLI_H

#include "cli_options.h"
#include "image/fault.h"

#include <jansson.h>
#include <stdio.h>

/* Exit codes. Where a status belongs is decided in cli_exit_code alone. */
enum { CLI_OK = 0, CLI_MACHINE = 1, CLI_USER = 2, CLI_INTERRUPTED = 130 }; /* 128 + SIGINT */

struct cli {
    const char *device, *caps, *cache_dir; /* options that all commands know */
    bool json, verbose, help;
    pum_context *context;
    pum_device *gpu; /* after cli_open_device */
    struct fault fault;
    const char *hint; /* what to do about the fault, if the message does not say */
};

struct command {
    const char *name;
    const char *summary; /* one line, for `pumice --help` */
    const char *usage;   /* "run MODEL [--input NAME=FILE]..." */
    const char *help;    /* paragraphs and examples */
    /* Parses argv[0..argc), the words after the command's name. Gives an exit code. */
    int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command cmd_devices, cmd_info, cmd_run, cmd_ocr, cmd_verify, cmd_explain,
    cmd_kernels, cmd_ops, cmd_embed, cmd_classify, cmd_detect, cmd_similarity, cmd_tokenize,
    cmd_vad;

/* Reads the words with the command's options and the common ones. Gives false when the command is
 * over: after --help (*out_exit 0) or a wrong word (2, already reported). */
bool cli_begin(struct cli *cli, const struct command *command, int argc, char **argv,
               const struct option_row *rows, size_t row_count, struct option_words *words,
               int *out_exit);

/* Makes the context. */
pum_status cli_open_context(struct cli *cli);

/* Makes the context if need be, and opens the device that the options choose. */
pum_status cli_open_device(struct cli *cli);

/* The options as the library takes them. */
pum_device_params cli_device_params(const struct cli *cli);

/* Ends what was opened; reports the fault, if any; gives the exit code. */
int cli_end(struct cli *cli);

/* 2 for what the user can mend, 1 for the machine's and our own faults. */
int cli_exit_code(const struct fault *fault);

/* "pumice: MESSAGE" on stderr, control characters made visible. */
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints a JSON value, ends it; NULL is out of memory. */
pum_status cli_print_json(struct cli *cli, json_t *value);

/* A JSON string; bytes that are no UTF-8 become '?'. */
json_t *cli_json_text(const char *text);

/* "1.5 GiB", "640 KiB", "12 bytes" */
const char *cli_bytes(uint64_t bytes, char text[32]);

/* OUT.png; OUT-1.png, OUT-2.png where `number` is above 0. NULL: out of memory. Free it. */
char *cli_numbered_path(const char *path, int32_t number);

double cli_now_ms(void);

#endif
