/* SPDX-License-Identifier: MIT
 *
 * arena.h - bump allocation for things that die together (a graph's nodes, a plan's steps).
 * Blocks come from the context's allocator and are freed at once. Tests: tests/base/test_base.c.
 */
#ifndef PUM_BASE_ARENA_H
#define PUM_BASE_ARENA_H

#include "base/context.h"

struct base_arena_block;

struct base_arena {
    pum_context *context;
    struct base_arena_block *blocks;
};

void base_arena_init(struct base_arena *arena, pum_context *context);
void base_arena_free(struct base_arena *arena);

/* Zeroed, aligned to 16; checks the multiplication. NULL after pum_fail(PUM_E_MEMORY). */
void *base_arena_alloc(struct base_arena *arena, size_t count, size_t element_bytes);
char *base_arena_strdup(struct base_arena *arena, const char *string);
char *base_arena_printf(struct base_arena *arena, const char *format, ...) PUM_PRINTF(2, 3);

#endif
