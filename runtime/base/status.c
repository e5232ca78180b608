/* SPDX-License-Identifier: MIT
 *
 * status.c - the thread's error message, and the names of the status codes. The message lives in a
 * fixed buffer a thread, so that running out of memory can be reported without allocating. It is
 * the library's only state outside a context. Tests: tests/base/test_base.c.
 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Long enough for one line about each operator of a file that uses many unsupported ones. */
#define MESSAGE_BYTES 8192

static _Thread_local char thread_message[MESSAGE_BYTES];

const char *pum_status_name(pum_status status)
{
    switch (status) {
#define XX(id, value, name, text, retry)                                                           \
    case id:                                                                                       \
        return name;
        PUM_STATUS_MAP(XX)
#undef XX
    }
    return "unknown";
}

const char *pum_last_error(void)
{
    return thread_message;
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *pum_version(void)
{
    return TEXT(PUM_VERSION_MAJOR) "." TEXT(PUM_VERSION_MINOR) "." TEXT(PUM_VERSION_PATCH);
}

/* Ends a text that did not fit with "...". */
static void mark_cut(char *text, size_t size, int wanted)
{
    if (wanted >= 0 && (size_t)wanted >= size)
        memcpy(text + size - 4, "...", 4);
}

/* Arguments may point into the message itself (a callee's message quoted), so it is written
 * elsewhere first. */
pum_status pum_fail(pum_status status, const char *format, ...)
{
    char text[MESSAGE_BYTES] = "";
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    mark_cut(text, sizeof text, wanted);
    memcpy(thread_message, text, strlen(text) + 1);
    return status;
}

pum_status pum_fail_prefix(pum_status status, const char *format, ...)
{
    char text[MESSAGE_BYTES] = "";
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (wanted >= 0 && (size_t)wanted < sizeof text) {
        size_t used = (size_t)wanted;
        int rest = snprintf(text + used, sizeof text - used, ": %s", thread_message);
        wanted = rest < 0 ? wanted : wanted + rest;
    }
    mark_cut(text, sizeof text, wanted);
    memcpy(thread_message, text, strlen(text) + 1);
    return status;
}
