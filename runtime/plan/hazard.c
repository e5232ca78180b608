/* SPDX-License-Identifier: MIT
 *
 * hazard.c - barriers only where needed. Dispatches between two barriers may run at once, so each
 * is compared with everything since the last barrier: reading what was written, writing what was
 * read or written, by byte ranges of the arenas (reused memory counts). Tests:
 * tests/plan/test_plan.c.
 */
#include "plan/plan.h"

struct access {
    int32_t arena;
    uint64_t begin, end;
    bool write;
};

struct access_list {
    struct access *items;
    int32_t count, capacity;
};

/* The arena bytes of a binding; false when it is a weight or a dummy. */
static bool access_of(const struct plan *plan, const struct lower_dispatch *record, uint32_t index,
                      struct access *out)
{
    const struct lower_binding *binding = &record->bindings[index];
    if (binding->value < 0)
        return false;
    uint64_t offset;
    const struct plan_value *base = &plan->values[plan_resolve(plan, binding->value, &offset)];
    if (base->kind != PLAN_VALUE_ACTIVATION)
        return false;
    uint64_t bytes =
        binding->bytes ? binding->bytes : plan->values[binding->value].bytes - binding->offset;
    out->arena = base->arena;
    out->begin = base->offset + offset + binding->offset;
    out->end = out->begin + (bytes ? bytes : 1);
    out->write = (record->row->written >> index) & 1;
    return true;
}

static bool conflicts(const struct access *a, const struct access *b)
{
    return (a->write || b->write) && a->arena == b->arena && a->begin < b->end && b->begin < a->end;
}

static bool needs_barrier(const struct plan *plan, const struct lower_dispatch *record,
                          const struct access_list *list)
{
    for (uint32_t b = 0; b < record->row->binding_count; b++) {
        struct access access;
        if (!access_of(plan, record, b, &access))
            continue;
        for (int32_t i = 0; i < list->count; i++) {
            if (conflicts(&access, &list->items[i]))
                return true;
        }
    }
    return false;
}

pum_status plan_mark_barriers(struct plan *plan)
{
    struct access_list list = {0};
    pum_status status = PUM_OK;
    plan->barrier_count = 0;
    for (int32_t d = 0; d < plan->dispatch_count && status == PUM_OK; d++) {
        struct plan_dispatch *dispatch = &plan->dispatches[d];
        dispatch->barrier_before = needs_barrier(plan, &dispatch->record, &list);
        if (dispatch->barrier_before) {
            list.count = 0;
            plan->barrier_count++;
        }
        for (uint32_t b = 0; b < dispatch->record.row->binding_count && status == PUM_OK; b++) {
            status = pum_grow(plan->context, &list.items, &list.capacity, list.count,
                              sizeof *list.items);
            if (status == PUM_OK && access_of(plan, &dispatch->record, b, &list.items[list.count]))
                list.count++;
        }
    }
    pum_free(plan->context, list.items);
    return status;
}
