/* SPDX-License-Identifier: MIT
 *
 * arena.c - bump allocation in blocks that grow from 4 KiB to 1 MiB; what does not fit in one gets
 * a block of its own. The newest block is the only one that is filled further.
 * Tests: tests/base/test_base.c.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ALIGNMENT ((size_t)16)
#define FIRST_BLOCK_BYTES ((size_t)4096)
#define LAST_BLOCK_BYTES ((size_t)1 << 20)

struct base_arena_block {
    struct base_arena_block *next; /* older */
    unsigned char *data;           /* aligned; the room behind this struct */
    size_t size_bytes, used_bytes;
};

void base_arena_init(struct base_arena *arena, pum_context *context)
{
    arena->context = context;
    arena->blocks = NULL;
}

void base_arena_free(struct base_arena *arena)
{
    while (arena->blocks) {
        struct base_arena_block *block = arena->blocks;
        arena->blocks = block->next;
        pum_free(arena->context, block);
    }
}

static struct base_arena_block *add_block(struct base_arena *arena, size_t least_bytes)
{
    size_t size = FIRST_BLOCK_BYTES;
    if (arena->blocks && arena->blocks->size_bytes >= FIRST_BLOCK_BYTES)
        size = arena->blocks->size_bytes * 2;
    if (size > LAST_BLOCK_BYTES)
        size = LAST_BLOCK_BYTES;
    if (size < least_bytes)
        size = least_bytes;
    /* The host's allocator may align to less than 16. */
    struct base_arena_block *block =
        pum_alloc(arena->context, sizeof *block + ALIGNMENT + size, 1);
    if (!block)
        return NULL;
    uintptr_t first = (uintptr_t)(block + 1);
    size_t skip = (size_t)(-first & (ALIGNMENT - 1));
    block->data = (unsigned char *)(block + 1) + skip;
    block->size_bytes = size;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *base_arena_alloc(struct base_arena *arena, size_t count, size_t element_bytes)
{
    const size_t limit = (size_t)PTRDIFF_MAX - 4096;
    if (element_bytes != 0 && count > limit / element_bytes) {
        (void)pum_fail(PUM_E_MEMORY, "out of host memory: %zu elements of %zu bytes were asked for",
                       count, element_bytes);
        return NULL;
    }
    size_t bytes = count * element_bytes;
    bytes = bytes ? (bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1) : ALIGNMENT;
    struct base_arena_block *block = arena->blocks;
    if (!block || block->size_bytes - block->used_bytes < bytes)
        block = add_block(arena, bytes);
    if (!block)
        return NULL;
    void *result = block->data + block->used_bytes;
    block->used_bytes += bytes;
    return result;
}

char *base_arena_strdup(struct base_arena *arena, const char *string)
{
    size_t bytes = strlen(string) + 1;
    char *copy = base_arena_alloc(arena, bytes, 1);
    if (copy)
        memcpy(copy, string, bytes);
    return copy;
}

char *base_arena_printf(struct base_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = NULL;
    if (length < 0)
        (void)pum_fail(PUM_E_INTERNAL, "a text cannot be formatted: %s", format);
    else
        text = base_arena_alloc(arena, (size_t)length + 1, 1);
    if (text)
        (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}
