/* SPDX-License-Identifier: MIT
 *
 * context.c - the context: the host's allocator behind checked multiplications, the log sink, the
 * environment variables (read here, once, and nowhere else) and where cached files go.
 * Tests: tests/base/test_base.c.
 */
#include "base/context.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Memory ---------------------------------------------------------------------------------- */

static void *default_alloc(void *user, size_t size_bytes)
{
    (void)user;
    return malloc(size_bytes);
}

static void *default_realloc(void *user, void *block, size_t size_bytes)
{
    (void)user;
    return realloc(block, size_bytes);
}

static void default_free(void *user, void *block)
{
    (void)user;
    free(block);
}

/* Systems promise more memory than they have, and end the program that then uses it. A block larger
 * than most of the machine's memory is refused before that. */
static size_t find_largest_block(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page_bytes <= 0 || (size_t)pages > (size_t)PTRDIFF_MAX / (size_t)page_bytes)
        return (size_t)PTRDIFF_MAX;
    return (size_t)pages * (size_t)page_bytes / 4 * 3;
}

/* count * element_bytes, at least 1 so that an empty list is still a valid pointer; false when it
 * is more than this machine can have. */
static bool block_bytes(const pum_context *context, size_t count, size_t element_bytes,
                        size_t *out_bytes)
{
    if (element_bytes != 0 && count > context->largest_block / element_bytes)
        return false;
    size_t bytes = count * element_bytes;
    *out_bytes = bytes ? bytes : 1;
    return true;
}

static void fail_memory(size_t count, size_t element_bytes)
{
    (void)pum_fail(PUM_E_MEMORY, "out of host memory: %zu elements of %zu bytes were asked for",
                   count, element_bytes);
}

static void *allocator_zeroed(const pum_allocator *allocator, size_t bytes)
{
    /* calloc knows which pages are zero already. */
    if (allocator->alloc == default_alloc)
        return calloc(1, bytes);
    void *block = allocator->alloc(allocator->user, bytes);
    if (block)
        memset(block, 0, bytes);
    return block;
}

void *pum_alloc(pum_context *context, size_t count, size_t element_bytes)
{
    size_t bytes;
    void *block = NULL;
    if (block_bytes(context, count, element_bytes, &bytes))
        block = allocator_zeroed(&context->allocator, bytes);
    if (!block)
        fail_memory(count, element_bytes);
    return block;
}

void *pum_realloc(pum_context *context, void *block, size_t count, size_t element_bytes)
{
    size_t bytes;
    void *grown = NULL;
    if (block_bytes(context, count, element_bytes, &bytes)) {
        const pum_allocator *allocator = &context->allocator;
        grown = block ? allocator->realloc(allocator->user, block, bytes)
                      : allocator->alloc(allocator->user, bytes);
    }
    if (!grown)
        fail_memory(count, element_bytes);
    return grown;
}

void pum_free(pum_context *context, void *block)
{
    if (block)
        context->allocator.free(context->allocator.user, block);
}

pum_status pum_grow(pum_context *context, void *items_pointer, int32_t *capacity, int32_t count,
                    size_t element_bytes)
{
    if (count < *capacity)
        return PUM_OK;
    if (count >= INT32_MAX / 2)
        return pum_fail(PUM_E_MEMORY, "a list cannot grow beyond %d entries", count);
    int32_t wanted = *capacity > 0 ? *capacity : 4;
    while (wanted <= count)
        wanted *= 2;
    void *items; /* items_pointer is the address of a pointer of any type */
    memcpy(&items, items_pointer, sizeof items);
    items = pum_realloc(context, items, (size_t)wanted, element_bytes);
    if (!items)
        return PUM_E_MEMORY;
    memcpy(items_pointer, &items, sizeof items);
    *capacity = wanted;
    return PUM_OK;
}

char *pum_strdup(pum_context *context, const char *string)
{
    size_t bytes = strlen(string) + 1;
    char *copy = pum_alloc(context, bytes, 1);
    if (copy)
        memcpy(copy, string, bytes);
    return copy;
}

/* --- Log -------------------------------------------------------------------------------------- */

void pum_log(pum_context *context, pum_log_level level, const char *format, ...)
{
    if (!context || !context->log || level > context->log_level)
        return;
    char message[2048] = "";
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    context->log(context->log_user, level, message);
}

/* --- Environment and cache folder ------------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* The cache folder in two parts, base and what is below it; false when caching is off. */
static bool find_cache_dir(const pum_context_params *params, const char *knob,
                           const char **out_base, const char **out_below)
{
    *out_below = "";
    *out_base = params->cache_dir ? params->cache_dir : knob;
    if (*out_base)
        return **out_base != '\0';
    /* The XDG rules: a relative path is ignored. */
    const char *xdg = environment("XDG_CACHE_HOME");
    if (xdg && *xdg == '/') {
        *out_base = xdg;
        *out_below = "/pumice";
        return true;
    }
    *out_base = environment("HOME");
    *out_below = "/.cache/pumice";
    return *out_base != NULL;
}

/* Copies `text` to *at and moves it behind; NULL stays NULL. */
static const char *keep(char **at, const char *text)
{
    if (!text)
        return NULL;
    size_t bytes = strlen(text) + 1;
    char *copy = memcpy(*at, text, bytes);
    *at += bytes;
    return copy;
}

/* Reads the knobs and the cache folder into one block of strings. */
static pum_status read_environment(pum_context *context, const pum_context_params *params)
{
    struct pum_knobs found = {0};
    size_t bytes = 1;
#define XX(field, name, doc)                                                                       \
    found.field = environment(name);                                                               \
    bytes += found.field ? strlen(found.field) + 1 : 0;
    PUM_KNOB_MAP(XX)
#undef XX
#ifndef PUM_TEST_HOOKS
    found.broken_kernel = NULL;
#endif
    const char *base, *below;
    bool caching = find_cache_dir(params, found.cache_dir, &base, &below);
    bytes += caching ? strlen(base) + strlen(below) + 1 : 0;

    char *at = context->strings = pum_alloc(context, bytes, 1);
    if (!at)
        return PUM_E_MEMORY;
#define XX(field, name, doc) context->knobs.field = keep(&at, found.field);
    PUM_KNOB_MAP(XX)
#undef XX
    if (caching) {
        context->cache_dir = at;
        memcpy(at, base, strlen(base));
        memcpy(at + strlen(base), below, strlen(below) + 1);
    }
    return PUM_OK;
}

/* --- Context ---------------------------------------------------------------------------------- */

static pum_status choose_allocator(const pum_allocator *given, pum_allocator *out_allocator)
{
    int set = (given->alloc != NULL) + (given->realloc != NULL) + (given->free != NULL);
    if (set == 3)
        *out_allocator = *given;
    else if (set == 0)
        *out_allocator = (pum_allocator){default_alloc, default_realloc, default_free, NULL};
    else
        return pum_fail(PUM_E_ARGUMENT, "pum_context_create: the allocator has %d of its three "
                        "functions alloc, realloc and free; set all or none", set);
    return PUM_OK;
}

pum_status pum_context_create(const pum_context_params *params, pum_context **out_context)
{
    static const pum_context_params defaults = {0};
    if (!out_context)
        return pum_fail(PUM_E_ARGUMENT, "pum_context_create: out_context is NULL");
    *out_context = NULL;
    if (!params)
        params = &defaults;
    pum_allocator allocator;
    PUM_TRY(choose_allocator(&params->allocator, &allocator));

    pum_context *context = allocator_zeroed(&allocator, sizeof *context);
    if (!context) {
        fail_memory(1, sizeof *context);
        return PUM_E_MEMORY;
    }
    context->allocator = allocator;
    context->largest_block = find_largest_block();
    context->log = params->log;
    context->log_user = params->log_user;
    context->log_level = params->log_level ? params->log_level : PUM_LOG_WARNING;
    pum_status status = read_environment(context, params);
    if (status != PUM_OK) {
        pum_context_destroy(&context);
        return status;
    }
    *out_context = context;
    return PUM_OK;
}

void pum_context_destroy(pum_context **context)
{
    if (!context || !*context)
        return;
    pum_allocator allocator = (*context)->allocator;
    pum_free(*context, (*context)->strings);
    allocator.free(allocator.user, *context);
    *context = NULL;
}
