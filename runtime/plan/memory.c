/* SPDX-License-Identifier: MIT
 *
 * memory.c - greedy placement of blocks with lifetimes. The largest block first, each into the
 * lowest gap between placed blocks that live at the same time (the "greedy by size" of Pisarchyk
 * and Lee, "Efficient memory management for deep neural net inference", 2020); then once more in
 * order of first use; the smaller result stays. Tests: tests/plan/test_memory.c.
 */
#include "plan/memory.h"

#include <stdlib.h>
#include <string.h>

/* Placed blocks, sorted by arena and offset. */
struct placement {
    struct memory_item *items;
    const int32_t *order; /* items in the order of placing */
    int32_t *placed;
    int32_t placed_count;
    uint64_t max_arena_bytes;
    uint64_t arena_bytes[PLAN_MAX_ARENAS];
    int32_t arena_count;
};

static bool lives_with(const struct memory_item *a, const struct memory_item *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset in `arena` where `item` fits between its contemporaries. */
static uint64_t lowest_gap(const struct placement *p, const struct memory_item *item, int32_t arena)
{
    uint64_t offset = 0;
    for (int32_t i = 0; i < p->placed_count; i++) {
        const struct memory_item *other = &p->items[p->placed[i]];
        if (other->arena != arena || !lives_with(item, other))
            continue;
        if (other->offset >= offset + item->bytes)
            break; /* sorted by offset: the gap before this one is large enough */
        if (other->offset + other->bytes > offset)
            offset = other->offset + other->bytes;
    }
    return offset;
}

static void insert_placed(struct placement *p, int32_t index)
{
    const struct memory_item *item = &p->items[index];
    int32_t at = p->placed_count;
    while (at > 0) {
        const struct memory_item *other = &p->items[p->placed[at - 1]];
        if (other->arena < item->arena ||
            (other->arena == item->arena && other->offset <= item->offset))
            break;
        p->placed[at] = p->placed[at - 1];
        at--;
    }
    p->placed[at] = index;
    p->placed_count++;
}

static bool place(struct placement *p, int32_t index)
{
    struct memory_item *item = &p->items[index];
    for (int32_t arena = 0; arena < PLAN_MAX_ARENAS; arena++) {
        uint64_t offset = lowest_gap(p, item, arena);
        if (offset + item->bytes > p->max_arena_bytes)
            continue;
        item->arena = arena;
        item->offset = offset;
        if (p->arena_bytes[arena] < offset + item->bytes)
            p->arena_bytes[arena] = offset + item->bytes;
        if (p->arena_count <= arena)
            p->arena_count = arena + 1;
        insert_placed(p, index);
        return true;
    }
    return false;
}

static bool place_all(struct placement *p, int32_t count, uint64_t *out_peak)
{
    p->placed_count = 0;
    p->arena_count = 0;
    memset(p->arena_bytes, 0, sizeof p->arena_bytes);
    for (int32_t i = 0; i < count; i++) {
        if (!place(p, p->order[i]))
            return false;
    }
    *out_peak = 0;
    for (int32_t i = 0; i < p->arena_count; i++)
        *out_peak += p->arena_bytes[i];
    return true;
}

struct sort_key {
    uint64_t key;
    int32_t index;
};

static int compare_keys(const void *a, const void *b)
{
    const struct sort_key *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index - y->index;
}

/* Order 0: largest first; order 1: first used first. */
static void make_order(const struct memory_item *items, int32_t count, int32_t which,
                       struct sort_key *keys, int32_t *order)
{
    for (int32_t i = 0; i < count; i++) {
        keys[i].index = i;
        keys[i].key = which == 0 ? UINT64_MAX - items[i].bytes : (uint64_t)items[i].first;
    }
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    for (int32_t i = 0; i < count; i++)
        order[i] = keys[i].index;
}

static pum_status find_bound(pum_context *context, const struct memory_item *items, int32_t count,
                             int32_t step_count, uint64_t *out_bound)
{
    int64_t *change = pum_alloc(context, (size_t)step_count + 1, sizeof *change);
    if (!change)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < count; i++) {
        change[items[i].first] += (int64_t)items[i].bytes;
        change[items[i].last + 1] -= (int64_t)items[i].bytes;
    }
    int64_t live = 0;
    *out_bound = 0;
    for (int32_t s = 0; s < step_count; s++) {
        live += change[s];
        if (live > (int64_t)*out_bound)
            *out_bound = (uint64_t)live;
    }
    pum_free(context, change);
    return PUM_OK;
}

static pum_status check_items(struct memory_item *items, int32_t count, uint64_t alignment,
                              uint64_t max_arena_bytes)
{
    for (int32_t i = 0; i < count; i++) {
        items[i].bytes = (items[i].bytes + alignment - 1) & ~(alignment - 1);
        if (items[i].bytes == 0)
            items[i].bytes = alignment;
        if (items[i].bytes > max_arena_bytes)
            return pum_fail(PUM_E_DEVICE_MEMORY,
                            "a value of %llu MiB is larger than the largest buffer of this device "
                            "(%llu MiB): use a smaller input",
                            (unsigned long long)(items[i].bytes >> 20),
                            (unsigned long long)(max_arena_bytes >> 20));
    }
    return PUM_OK;
}

pum_status memory_plan(pum_context *context, struct memory_item *items, int32_t count,
                       int32_t step_count, uint64_t alignment, uint64_t max_arena_bytes,
                       struct memory_layout *out_layout)
{
    memset(out_layout, 0, sizeof *out_layout);
    PUM_TRY(check_items(items, count, alignment, max_arena_bytes));
    PUM_TRY(find_bound(context, items, count, step_count, &out_layout->bound_bytes));
    struct sort_key *keys = pum_alloc(context, (size_t)count, sizeof *keys);
    int32_t *order = pum_alloc(context, (size_t)count * 2, sizeof *order);
    pum_status status = keys && order ? PUM_OK : PUM_E_MEMORY;
    struct placement p = {.items = items, .order = order, .max_arena_bytes = max_arena_bytes};
    if (status == PUM_OK) {
        uint64_t peak[2];
        p.placed = order + count;
        bool fits = true;
        for (int32_t pass = 0; pass < 2 && fits; pass++) {
            make_order(items, count, pass, keys, order);
            fits = place_all(&p, count, &peak[pass]);
        }
        if (fits && peak[0] < peak[1]) {
            make_order(items, count, 0, keys, order);
            fits = place_all(&p, count, &peak[0]);
        }
        if (!fits)
            status = pum_fail(PUM_E_DEVICE_MEMORY,
                              "activations need more than %d buffers of %llu MiB: use a smaller "
                              "input",
                              PLAN_MAX_ARENAS, (unsigned long long)(max_arena_bytes >> 20));
    }
    out_layout->arena_count = p.arena_count;
    memcpy(out_layout->arena_bytes, p.arena_bytes, sizeof p.arena_bytes);
    for (int32_t i = 0; i < p.arena_count; i++)
        out_layout->peak_bytes += p.arena_bytes[i];
    pum_free(context, keys);
    pum_free(context, order);
    return status;
}
