/* SPDX-License-Identifier: MIT
 *
 * status.h - how a function fails: pum_fail() stores the message in a fixed thread-local buffer (no
 * allocation, so out-of-memory can be reported) and returns the code; PUM_TRY passes it on.
 * Not for programmer errors: those are assert()s in debug builds. Tests: tests/base/test_base.c.
 */
#ifndef PUM_BASE_STATUS_H
#define PUM_BASE_STATUS_H

#include "pumice/pumice.h"

#if defined(__GNUC__)
#define PUM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PUM_PRINTF(fmt, args)
#endif

/* Stores the message and gives `status` back. Replaces this thread's earlier message. */
pum_status pum_fail(pum_status status, const char *format, ...) PUM_PRINTF(2, 3);

/* Puts "context: " before this thread's message; gives `status` back. For callers that know more of
 * the place (the node, the file) than the one who failed. */
pum_status pum_fail_prefix(pum_status status, const char *format, ...) PUM_PRINTF(2, 3);

#define PUM_TRY(expr)                                                                              \
    do {                                                                                           \
        pum_status pum_try_status_ = (expr);                                                       \
        if (pum_try_status_ != PUM_OK)                                                             \
            return pum_try_status_;                                                                \
    } while (0)

/* Needs a local `pum_status status`. */
#define PUM_TRY_GOTO(expr, label)                                                                  \
    do {                                                                                           \
        status = (expr);                                                                           \
        if (status != PUM_OK)                                                                      \
            goto label;                                                                            \
    } while (0)

#define PUM_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
