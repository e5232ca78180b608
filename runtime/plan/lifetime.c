/* SPDX-License-Identifier: MIT
 *
 * lifetime.c - which values lie on the device, from which step to which, and where: constants
 * become weights, the rest gets blocks of memory; an output takes over its input's block where the
 * kernel allows it and the input ends there. Tests: tests/plan/test_plan.c.
 */
#include "plan/plan.h"

#include <string.h>

/* Arena offsets are multiples of this, or of the device's alignment if that is larger. */
#define ARENA_ALIGNMENT 256u

int32_t plan_resolve(const struct plan *plan, int32_t value, uint64_t *out_offset)
{
    *out_offset = 0;
    while (plan->values[value].kind == PLAN_VALUE_ALIAS) {
        *out_offset += plan->values[value].base_offset;
        value = plan->values[value].base;
    }
    return value;
}

/* A constant that a dispatch binds becomes a weight. */
static pum_status use_constant(struct plan *plan, int32_t value)
{
    struct plan_value *v = &plan->values[value];
    if (value >= plan->graph->tensor_count || v->kind != PLAN_VALUE_NONE ||
        !plan->graph->tensors[value].data)
        return PUM_OK;
    const struct graph_tensor *tensor = &plan->graph->tensors[value];
    struct plan_weight weight = {.base_id = tensor->base_id,
                                 .desc = tensor->desc,
                                 .store = v->store,
                                 .data = tensor->data,
                                 .bytes = v->bytes};
    v->weight = plan_add_weight(plan, &weight);
    v->kind = PLAN_VALUE_WEIGHT;
    return v->weight < 0 ? PUM_E_MEMORY : PUM_OK;
}

static void extend(struct plan_value *value, int32_t step)
{
    if (value->last < 0)
        value->first = step;
    if (step < value->first)
        value->first = step;
    if (step > value->last)
        value->last = step;
}

static pum_status find_device_uses(struct plan *plan)
{
    for (int32_t d = 0; d < plan->dispatch_count; d++) {
        const struct plan_dispatch *dispatch = &plan->dispatches[d];
        for (uint32_t b = 0; b < dispatch->record.row->binding_count; b++) {
            uint64_t offset;
            if (dispatch->record.bindings[b].value < 0)
                continue;
            int32_t value = plan_resolve(plan, dispatch->record.bindings[b].value, &offset);
            PUM_TRY(use_constant(plan, value));
            extend(&plan->values[value], dispatch->step);
            if (plan->values[value].kind == PLAN_VALUE_NONE)
                plan->values[value].kind = PLAN_VALUE_ACTIVATION;
        }
    }
    return PUM_OK;
}

/* Inputs are there from the start, outputs to the end; what the host reads or writes lives until or
 * from the host step. */
static void find_host_uses(struct plan *plan)
{
    uint64_t offset;
    for (int32_t i = 0; i < plan->graph->input_count; i++) {
        struct plan_value *value = &plan->values[plan->graph->inputs[i]];
        if (value->kind == PLAN_VALUE_ACTIVATION)
            extend(value, 0);
    }
    for (int32_t s = 0; s < plan->step_count; s++) {
        if (plan->steps[s].kind != PLAN_STEP_HOST)
            continue;
        const struct graph_node *node = &plan->graph->nodes[plan->steps[s].node];
        for (int32_t i = 0; i < node->input_count + node->output_count; i++) {
            int32_t tensor =
                i < node->input_count ? node->inputs[i] : node->outputs[i - node->input_count];
            if (tensor < 0)
                continue;
            struct plan_value *value = &plan->values[plan_resolve(plan, tensor, &offset)];
            if (value->kind == PLAN_VALUE_ACTIVATION)
                extend(value, s);
        }
    }
    for (int32_t i = 0; i < plan->graph->output_count; i++) {
        struct plan_value *value =
            &plan->values[plan_resolve(plan, plan->graph->outputs[i], &offset)];
        if (value->kind == PLAN_VALUE_ACTIVATION) /* beyond the last step: none may take it over */
            extend(value, plan->step_count);
    }
}

static pum_status make_items(struct plan *plan, struct memory_item *items, int32_t *out_count)
{
    *out_count = 0;
    for (int32_t v = 0; v < plan->value_count; v++) {
        struct plan_value *value = &plan->values[v];
        if (value->kind != PLAN_VALUE_ACTIVATION)
            continue;
        value->block = *out_count;
        items[(*out_count)++] =
            (struct memory_item){.bytes = value->bytes, .first = value->first, .last = value->last};
    }
    return PUM_OK;
}

static bool is_input(const struct plan *plan, int32_t value)
{
    for (int32_t i = 0; i < plan->graph->input_count; i++) {
        if (plan->graph->inputs[i] == value)
            return true;
    }
    return false;
}

/* Grants the wish of lower_sink.in_place: `v`'s block is the one of its input. */
static void take_over(struct plan *plan, struct memory_item *items, int32_t v)
{
    struct plan_value *output = &plan->values[v];
    if (output->kind != PLAN_VALUE_ACTIVATION || output->base < 0)
        return;
    uint64_t offset;
    const struct plan_value *input = &plan->values[plan_resolve(plan, output->base, &offset)];
    if (input->kind != PLAN_VALUE_ACTIVATION || offset != 0 || input->last != output->first ||
        output->producer != output->first || output->bytes > input->bytes)
        return;
    struct memory_item *from = &items[output->block], *to = &items[input->block];
    if (to->last != output->first)
        return; /* another output took it over already */
    to->last = from->last;
    from->bytes = 0;
    from->last = -1;
    output->block = input->block;
}

/* Items without a life (taken over) go; blocks are renumbered. */
static int32_t compact(struct plan *plan, struct memory_item *items, int32_t *moved, int32_t count)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++) {
        moved[i] = kept;
        if (items[i].last >= 0)
            items[kept++] = items[i];
    }
    for (int32_t v = 0; v < plan->value_count; v++) {
        if (plan->values[v].kind == PLAN_VALUE_ACTIVATION)
            plan->values[v].block = moved[plan->values[v].block];
    }
    return kept;
}

pum_status plan_lay_out(struct plan *plan, const struct base_caps *caps)
{
    PUM_TRY(find_device_uses(plan));
    find_host_uses(plan);
    struct memory_item *items = pum_alloc(plan->context, (size_t)plan->value_count, sizeof *items);
    int32_t *moved = pum_alloc(plan->context, (size_t)plan->value_count, sizeof *moved);
    pum_status status = items && moved ? PUM_OK : PUM_E_MEMORY;
    int32_t count = 0;
    if (status == PUM_OK) {
        status = make_items(plan, items, &count);
        for (int32_t v = 0; v < plan->value_count; v++) {
            if (!is_input(plan, plan->values[v].base))
                take_over(plan, items, v);
        }
        count = compact(plan, items, moved, count);
        uint64_t alignment =
            caps->storage_alignment > ARENA_ALIGNMENT ? caps->storage_alignment : ARENA_ALIGNMENT;
        status =
            memory_plan(plan->context, items, count, plan->step_count + 1,
                        alignment, caps->max_buffer_bytes, &plan->layout);
    }
    for (int32_t v = 0; v < plan->value_count && status == PUM_OK; v++) {
        struct plan_value *value = &plan->values[v];
        if (value->kind != PLAN_VALUE_ACTIVATION)
            continue;
        value->arena = items[value->block].arena;
        value->offset = items[value->block].offset;
    }
    pum_free(plan->context, items);
    pum_free(plan->context, moved);
    return status;
}
