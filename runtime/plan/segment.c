/* SPDX-License-Identifier: MIT
 *
 * segment.c - splits a plan where a step must run on the host, and lists what crosses the border
 * there: values that the host hands to the device before a segment, and those it reads after it.
 * Tests: tests/plan/test_plan.c.
 */
#include "plan/plan.h"

/* The first segment that begins after step `step`. */
static int32_t segment_after(const struct plan *plan, int32_t step)
{
    for (int32_t s = 0; s < plan->segment_count; s++) {
        if (plan->segments[s].host_last > step)
            return s + 1;
    }
    return plan->segment_count - 1;
}

/* Segments end with a run of host steps; the last one has none. */
static pum_status cut(struct plan *plan)
{
    int32_t most = plan->host_step_count + 1;
    plan->segments = base_arena_alloc(&plan->arena, (size_t)most, sizeof *plan->segments);
    if (!plan->segments)
        return PUM_E_MEMORY;
    struct plan_segment *segment = &plan->segments[0];
    plan->segment_count = 1;
    for (int32_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];
        if (step->kind == PLAN_STEP_HOST) {
            if (segment->host_last == 0)
                segment->host_first = s;
            segment->host_last = s + 1;
            continue;
        }
        if (segment->host_last > 0) {
            segment = &plan->segments[plan->segment_count++];
            segment->first_dispatch = step->first_dispatch;
        }
        segment->dispatch_count += step->dispatch_count;
    }
    if (segment->host_last > 0) { /* ends on the host: an empty segment closes the plan */
        segment = &plan->segments[plan->segment_count++];
        segment->first_dispatch = plan->dispatch_count;
    }
    return PUM_OK;
}

static pum_status add_to(struct plan *plan, int32_t **list, int32_t *count, int32_t value)
{
    for (int32_t i = 0; i < *count; i++) {
        if ((*list)[i] == value)
            return PUM_OK;
    }
    if (!*list) {
        *list = base_arena_alloc(&plan->arena, (size_t)plan->value_count, sizeof **list);
        if (!*list)
            return PUM_E_MEMORY;
    }
    (*list)[(*count)++] = value;
    return PUM_OK;
}

/* Whether the host's bytes of `value` are those of its base: not where the alias is a cast (types
 * that lie alike on the device, as int64 and int32 do). */
static bool same_on_host(const struct plan *plan, int32_t value, int32_t base)
{
    const struct graph_tensor *tensors = plan->graph->tensors;

    return base >= plan->graph->tensor_count ||
           tensors[value].desc.dtype == tensors[base].desc.dtype;
}

/* A value that the host wants: from the device, unless the host has it (or its base) already. */
static pum_status want_on_host(struct plan *plan, struct plan_segment *segment, int32_t value)
{
    uint64_t offset;
    int32_t base = plan_resolve(plan, value, &offset);
    const struct plan_value *b = &plan->values[base];
    bool is_graph_input = base < plan->graph->tensor_count && b->producer < 0;
    if (b->written_on_host || is_graph_input || b->kind == PLAN_VALUE_WEIGHT)
        return same_on_host(plan, value, base)
                   ? PUM_OK
                   : add_to(plan, &segment->casts, &segment->cast_count, value);
    return add_to(plan, &segment->downloads, &segment->download_count, value);
}

pum_status plan_make_segments(struct plan *plan)
{
    PUM_TRY(cut(plan));
    for (int32_t i = 0; i < plan->graph->input_count; i++) {
        int32_t value = plan->graph->inputs[i];
        if (plan->values[value].kind == PLAN_VALUE_ACTIVATION)
            PUM_TRY(
                add_to(plan, &plan->segments[0].uploads, &plan->segments[0].upload_count, value));
    }
    for (int32_t s = 0; s < plan->segment_count; s++) {
        struct plan_segment *segment = &plan->segments[s];
        for (int32_t h = segment->host_first; h < segment->host_last; h++) {
            const struct graph_node *node = &plan->graph->nodes[plan->steps[h].node];
            for (int32_t i = 0; i < node->input_count; i++) {
                if (node->inputs[i] >= 0 && !plan->graph->tensors[node->inputs[i]].data)
                    PUM_TRY(want_on_host(plan, segment, node->inputs[i]));
            }
            struct plan_segment *next = &plan->segments[segment_after(plan, h)];
            for (int32_t i = 0; i < node->output_count; i++) {
                int32_t value = node->outputs[i];
                if (value >= 0 && plan->values[value].kind == PLAN_VALUE_ACTIVATION)
                    PUM_TRY(add_to(plan, &next->uploads, &next->upload_count, value));
            }
        }
    }
    struct plan_segment *last = &plan->segments[plan->segment_count - 1];
    for (int32_t i = 0; i < plan->graph->output_count; i++) {
        int32_t value = plan->graph->outputs[i];
        if (!plan->graph->tensors[value].data)
            PUM_TRY(want_on_host(plan, last, value));
    }
    return PUM_OK;
}
