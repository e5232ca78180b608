/* SPDX-License-Identifier: MIT
 *
 * context.h - what every room needs of the host: memory, the log sink, the knobs (environment
 * variables, read in one place: knobs.inc) and the cache folder. Tests: tests/base/test_base.c.
 */
#ifndef PUM_BASE_CONTEXT_H
#define PUM_BASE_CONTEXT_H

#include "base/status.h"

/* Environment variables, one row each: KNOB(field, "NAME", "what it does"). Read once, when the
 * context is made. The only place in the project that names them. */
#define PUM_KNOB_MAP(XX)                                                                           \
    XX(device, "PUMICE_DEVICE", "device to use: index, part of the name, or UUID")                 \
    XX(caps, "PUMICE_CAPS", "capability mask: tier0..tier2, or words to drop: -f16,-subgroup")     \
    XX(cache_dir, "PUMICE_CACHE_DIR", "folder for the pipeline cache and the quarantine list")     \
    XX(kernel, "PUMICE_KERNEL", "kernel rows to prefer where they fit, separated by commas")       \
    XX(broken_kernel, "PUMICE_TEST_BREAK_KERNEL", "test builds only: spoil this row's results")

struct pum_knobs {
#define XX(field, name, doc) const char *field; /* NULL when unset or empty */
    PUM_KNOB_MAP(XX)
#undef XX
};

struct pum_context {
    pum_allocator allocator;
    size_t largest_block; /* bytes; more is refused */
    void (*log)(void *user, pum_log_level level, const char *message);
    void *log_user;
    pum_log_level log_level;
    struct pum_knobs knobs;
    const char *cache_dir; /* NULL: caching is off */
    char *strings;         /* backing store of knobs and cache_dir */
};

/* Zeroed memory for count elements; checks the multiplication. NULL after pum_fail(PUM_E_MEMORY)
 * has been called. count 0 gives a valid pointer. */
void *pum_alloc(pum_context *context, size_t count, size_t element_bytes);

/* Grows a block; new bytes are not zeroed. NULL (old block kept) after pum_fail. */
void *pum_realloc(pum_context *context, void *block, size_t count, size_t element_bytes);

/* Takes NULL. */
void pum_free(pum_context *context, void *block);

/* Makes room for one more element: grows *items (capacity doubles) so that count < *capacity. */
pum_status pum_grow(pum_context *context, void *items_pointer, int32_t *capacity, int32_t count,
                    size_t element_bytes);

/* A copy of a string; NULL after pum_fail. */
char *pum_strdup(pum_context *context, const char *string);

void pum_log(pum_context *context, pum_log_level level, const char *format, ...)
    PUM_PRINTF(3, 4);

#endif
