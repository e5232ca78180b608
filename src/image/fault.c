/* SPDX-License-Identifier: MIT
 *
 * fault.c - see fault.h. Long messages are cut, never overrun.
 */
#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

pum_status fault_set(struct fault *fault, pum_status status, const char *format, ...)
{
    if (fault == NULL || fault->status != PUM_OK)
        return status;
    va_list args;
    va_start(args, format);
    vsnprintf(fault->text, sizeof(fault->text), format, args);
    va_end(args);
    fault->status = status;
    return status;
}

pum_status fault_prefix(struct fault *fault, const char *place)
{
    if (fault == NULL || fault->status == PUM_OK)
        return fault == NULL ? PUM_E_INTERNAL : PUM_OK;
    char rest[sizeof(fault->text)];
    memcpy(rest, fault->text, sizeof(rest));
    int used = snprintf(fault->text, sizeof(fault->text), "%s: ", place);
    if (used >= 0 && (size_t)used < sizeof(fault->text))
        snprintf(fault->text + used, sizeof(fault->text) - (size_t)used, "%.*s",
                 (int)(sizeof(fault->text) - (size_t)used - 1), rest);
    return fault->status;
}

pum_status fault_from_library(struct fault *fault, pum_status status)
{
    if (status == PUM_OK)
        return PUM_OK;
    const char *message = pum_last_error();
    return fault_set(fault, status, "%s", message[0] != '\0' ? message : pum_status_name(status));
}

void fault_clear(struct fault *fault)
{
    if (fault != NULL) {
        fault->status = PUM_OK;
        fault->machine = false;
        fault->text[0] = '\0';
    }
}
