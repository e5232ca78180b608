/* SPDX-License-Identifier: MIT
 *
 * plan.c - from a graph and concrete inputs to a plan: bind and rewrite the graph, lower it, lay
 * out memory, place barriers, cut at host steps. Tests: tests/plan/test_plan.c.
 */
#include "plan/plan.h"

#include "passes/passes.h"

static void sum_weights(struct plan *plan)
{
    for (int32_t i = 0; i < plan->weight_count; i++)
        plan->weight_bytes += plan->weights[i].bytes;
}

pum_status plan_create(struct pum_graph *graph, const struct base_caps *caps,
                       const struct tensor_desc *inputs, const void *const *values,
                       const struct plan_cache_view *cache, struct plan **out_plan,
                       struct graph_need *out_need)
{
    *out_plan = NULL;
    pum_status status;
    struct plan *plan = pum_alloc(graph->context, 1, sizeof *plan);
    if (!plan)
        return PUM_E_MEMORY;
    plan->context = graph->context;
    base_arena_init(&plan->arena, graph->context);
    PUM_TRY_GOTO(graph_clone(graph, &plan->graph), fail);
    PUM_TRY_GOTO(passes_bind(plan->graph, inputs, values), fail);
    PUM_TRY_GOTO(plan_lower_nodes(plan, caps, cache), fail);
    PUM_TRY_GOTO(plan_lay_out(plan, caps), fail);
    PUM_TRY_GOTO(plan_mark_barriers(plan), fail);
    PUM_TRY_GOTO(plan_make_segments(plan), fail);
    sum_weights(plan);
    *out_plan = plan;
    return PUM_OK;
fail:
    if (status == OP_NEEDS_DATA && out_need && plan->graph)
        *out_need = plan->graph->need;
    plan_destroy(&plan);
    return status;
}

void plan_destroy(struct plan **plan_pointer)
{
    struct plan *plan = plan_pointer ? *plan_pointer : NULL;
    if (!plan)
        return;
    for (int32_t i = 0; i < plan->weight_count; i++)
        pum_free(plan->context, plan->weights[i].packed);
    pum_free(plan->context, plan->values);
    pum_free(plan->context, plan->weights);
    pum_free(plan->context, plan->dispatches);
    graph_release(&plan->graph);
    base_arena_free(&plan->arena);
    pum_free(plan->context, plan);
    *plan_pointer = NULL;
}
