/* SPDX-License-Identifier: MIT
 *
 * cli_interrupt.h - Ctrl-C ends a session's run and not the program: the command then says what was
 * cancelled and leaves no half-written file. A second Ctrl-C ends the program.
 */
#ifndef PUM_CLI_INTERRUPT_H
#define PUM_CLI_INTERRUPT_H

#include <pumice/pumice.h>

/* From here on Ctrl-C cancels this session's run. One session at a time. */
void cli_interrupt_begin(pum_session *session);
void cli_interrupt_end(void);

#endif
