/* SPDX-License-Identifier: MIT
 *
 * early.c - small integers that follow from the graph's inputs alone: lengths, positions, flags.
 * Where one of them needs the host, all are made there before the device begins, since a few
 * numbers cost the host nothing, and a step on the host in the middle of a run costs a wait.
 * Tests: tests/plan/test_plan.c.
 */
#include "plan/plan.h"

#define EARLY_MAX_ELEMENTS 1024

static bool is_small_integer(const struct plan *plan, int32_t tensor)
{
    const struct tensor_desc *desc = &plan->graph->tensors[tensor].desc;
    int64_t count;
    return desc->dtype >= PUM_DTYPE_I8 && desc->dtype <= PUM_DTYPE_BOOL && desc->shape.rank >= 0 &&
           shape_count(&desc->shape, &count) && count <= EARLY_MAX_ELEMENTS;
}

/* Constants, graph inputs and results of nodes marked already. */
static bool is_there_early(const struct plan *plan, const bool *early, int32_t tensor)
{
    const struct graph_tensor *t = &plan->graph->tensors[tensor];
    return t->data || t->producer < 0 || early[t->producer];
}

static bool node_is_early(const struct plan *plan, const bool *early, const struct graph_node *node)
{
    const struct op_lowering *lowering = op_rows[node->op].lowering;
    if (node->chain || lowering->dynamic || lowering->random || lowering->program)
        return false;
    for (int32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0 && (!is_small_integer(plan, node->inputs[i]) ||
                                     !is_there_early(plan, early, node->inputs[i])))
            return false;
    }
    for (int32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] >= 0 && !is_small_integer(plan, node->outputs[i]))
            return false;
    }
    return node->input_count > 0;
}

void plan_mark_early(const struct plan *plan, bool *early)
{
    for (int32_t i = 0; i < plan->graph->node_count; i++) {
        const struct graph_node *node = &plan->graph->nodes[i];
        early[i] = node->op >= 0 && node_is_early(plan, early, node);
    }
}
