/* SPDX-License-Identifier: MIT
 *
 * memory.h - where values lie: offsets in a few large arenas, memory reused once a value is dead.
 * Pure. Tests: tests/plan/test_memory.c.
 */
#ifndef PUM_PLAN_MEMORY_H
#define PUM_PLAN_MEMORY_H

#include "base/context.h"

#define PLAN_MAX_ARENAS 16

/* A block of memory in use from step `first` to step `last`, both included, within
 * [0, step_count). */
struct memory_item {
    uint64_t bytes;
    int32_t first, last;
    int32_t arena;   /* result */
    uint64_t offset; /* result, a multiple of the alignment */
};

struct memory_layout {
    int32_t arena_count;
    uint64_t arena_bytes[PLAN_MAX_ARENAS];
    uint64_t peak_bytes;  /* sum of the arenas */
    uint64_t bound_bytes; /* the largest sum of blocks in use at one step */
};

/* Lays out `items`. Blocks in use at the same step never overlap. `alignment` is a power of two;
 * no arena exceeds max_arena_bytes. PUM_E_DEVICE_MEMORY when a block alone is larger, or more than
 * PLAN_MAX_ARENAS would be needed. */
pum_status memory_plan(pum_context *context, struct memory_item *items, int32_t count,
                       int32_t step_count, uint64_t alignment, uint64_t max_arena_bytes,
                       struct memory_layout *out_layout);

#endif
