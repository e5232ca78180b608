/* SPDX-License-Identifier: MIT
 *
 * cli_interrupt.c - see cli_interrupt.h. pum_session_cancel may be called from a signal handler.
 */
#include "cli_interrupt.h"

#include <signal.h>
#include <stddef.h>

static pum_session *volatile running;

static void on_interrupt(int signal_number)
{
    (void)signal(signal_number, SIG_DFL); /* the second one ends the program */
    pum_session_cancel(running);
}

void cli_interrupt_begin(pum_session *session)
{
    running = session;
    (void)signal(SIGINT, on_interrupt);
}

void cli_interrupt_end(void)
{
    (void)signal(SIGINT, SIG_DFL);
    running = NULL;
}
