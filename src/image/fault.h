/* SPDX-License-Identifier: MIT
 *
 * fault.h - how the programs under src/ report a failure: a status that says whose fault it is, and
 * one sentence with what was wrong, where, and what to do. The caller owns the struct, so nothing
 * is global; the first failure stays. Library failures come in through fault_from_library().
 */
#ifndef PUM_SRC_FAULT_H
#define PUM_SRC_FAULT_H

#include "pumice/pumice.h"

struct fault {
    pum_status status; /* PUM_OK: nothing has failed */
    bool machine;      /* the machine's fault whatever the status says: a full disk */
    char text[1024];
};

/* Stores the message unless an earlier one is there; gives `status` back. `fault` may be NULL. */
pum_status fault_set(struct fault *fault, pum_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "place: " before the message; gives the stored status back. */
pum_status fault_prefix(struct fault *fault, const char *place);

/* Takes over pum_last_error() of a library call that gave `status`; PUM_OK is passed through. */
pum_status fault_from_library(struct fault *fault, pum_status status);

/* Forgets a failure that the caller has dealt with. */
void fault_clear(struct fault *fault);

#endif
