/* SPDX-License-Identifier: MIT
 *
 * cli_progress.h - one line on the terminal for work that takes longer than a second; nothing when
 * stderr is no terminal.
 */
#ifndef PUM_CLI_PROGRESS_H
#define PUM_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli_progress {
    double start_ms, shown_ms;
    bool terminal, shown;
};

void progress_begin(struct cli_progress *progress);
/* total 0: unknown. */
void progress_show(struct cli_progress *progress, const char *what, int64_t done, int64_t total);
/* Wipes the line. */
void progress_end(struct cli_progress *progress);

#endif
