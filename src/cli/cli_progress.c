/* SPDX-License-Identifier: MIT
 *
 * cli_progress.c - see cli_progress.h.
 */
#include "cli_progress.h"

#include "cli.h"

#include <unistd.h>

void progress_begin(struct cli_progress *progress)
{
    *progress = (struct cli_progress){.start_ms = cli_now_ms(), .terminal = isatty(2) == 1};
}

void progress_show(struct cli_progress *progress, const char *what, int64_t done, int64_t total)
{
    double now = cli_now_ms();
    if (!progress->terminal || now - progress->start_ms < 1000 || now - progress->shown_ms < 100)
        return;
    progress->shown_ms = now;
    progress->shown = true;
    if (total > 0)
        fprintf(stderr, "\r\033[K%s: %lld of %lld", what, (long long)done, (long long)total);
    else
        fprintf(stderr, "\r\033[K%s ...", what);
    fflush(stderr);
}

void progress_end(struct cli_progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}
