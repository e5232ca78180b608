/* SPDX-License-Identifier: MIT
 *
 * report.c - what a plan does, step by step, for `pumice explain` and `--profile`. Tests:
 * tests/exec/test_session.c.
 */
#include "exec/exec.h"

#include <string.h>

static void count_bytes(const struct plan *plan, const struct lower_dispatch *record,
                        pum_step_info *info)
{
    for (uint32_t b = 0; b < record->row->binding_count; b++) {
        if (record->bindings[b].value < 0)
            continue;
        uint64_t bytes = exec_binding_bytes(plan, &record->bindings[b]);
        if ((record->row->written >> b) & 1)
            info->write_bytes += bytes;
        else
            info->read_bytes += bytes;
    }
}

static void report_dispatch(const struct exec_plan *ep, const struct graph_node *node,
                            int32_t index, pum_step_info *info)
{
    const struct plan_dispatch *dispatch = &ep->plan->dispatches[index];
    info->kind = PUM_STEP_DISPATCH;
    info->kernel = dispatch->record.row->name;
    info->why = dispatch->record.why;
    info->flops = dispatch->record.flops;
    info->barrier_before = dispatch->barrier_before;
    memcpy(info->groups, dispatch->record.groups, sizeof info->groups);
    count_bytes(ep->plan, &dispatch->record, info);
    info->time_ns = ep->time_ns ? ep->time_ns[index] : 0;
    info->op = op_rows[node->op].name;
    info->node = node->name;
    info->fused = node->fused ? node->fused : "";
}

static void report_host(const struct plan *plan, const struct plan_step *step, pum_step_info *info)
{
    const struct graph_node *node = &plan->graph->nodes[step->node];
    info->kind = PUM_STEP_HOST;
    info->op = op_rows[node->op].name;
    info->node = node->name;
    info->kernel = "reference";
    info->fused = node->fused ? node->fused : "";
    info->why = step->why;
    for (int32_t i = 0; i < node->input_count + node->output_count; i++) {
        bool in = i < node->input_count;
        int32_t tensor = in ? node->inputs[i] : node->outputs[i - node->input_count];
        size_t bytes;
        if (tensor < 0 || !tensor_bytes(&plan->graph->tensors[tensor].desc, &bytes))
            continue;
        if (in)
            info->read_bytes += bytes;
        else
            info->write_bytes += bytes;
    }
}

static uint32_t hash_record(const struct lower_dispatch *record)
{
    uint32_t hash = (uint32_t)(record->row - kernel_rows);
    for (uint32_t i = 0; i < record->row->spec_count; i++)
        hash = (hash ^ record->specs[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* Pipelines are shared by dispatches of the same row and constants. */
static pum_status count_pipelines(const struct plan *plan, int32_t *out_count)
{
    uint32_t size = 16;
    *out_count = 0;
    while (size < 2 * (uint32_t)plan->dispatch_count)
        size *= 2;
    int32_t *table = pum_alloc(plan->context, size, sizeof *table); /* dispatch + 1; 0: free */
    if (!table)
        return PUM_E_MEMORY;
    for (int32_t i = 0; i < plan->dispatch_count; i++) {
        const struct lower_dispatch *a = &plan->dispatches[i].record;
        uint32_t at = hash_record(a) % size;
        bool seen = false;
        for (; table[at] != 0 && !seen; at = (at + 1) % size) {
            const struct lower_dispatch *b = &plan->dispatches[table[at] - 1].record;
            seen = a->row == b->row &&
                   memcmp(a->specs, b->specs, a->row->spec_count * sizeof a->specs[0]) == 0;
        }
        if (!seen) {
            table[at] = i + 1;
            (*out_count)++;
        }
    }
    pum_free(plan->context, table);
    return PUM_OK;
}

pum_status exec_report(struct exec_plan *ep, pum_plan_info *out_info)
{
    struct plan *plan = ep->plan;
    int32_t most = plan->dispatch_count + plan->host_step_count, count = 0, pipelines;
    PUM_TRY(count_pipelines(plan, &pipelines));
    if (!ep->infos)
        ep->infos = base_arena_alloc(&plan->arena, (size_t)most + 1, sizeof *ep->infos);
    if (!ep->infos)
        return PUM_E_MEMORY;
    memset(ep->infos, 0, (size_t)most * sizeof *ep->infos);
    for (int32_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];
        const struct graph_node *node = &plan->graph->nodes[step->node];
        if (step->kind == PLAN_STEP_HOST)
            report_host(plan, step, &ep->infos[count++]);
        for (int32_t d = 0; d < step->dispatch_count; d++)
            report_dispatch(ep, node, step->first_dispatch + d, &ep->infos[count++]);
    }
    *out_info = (pum_plan_info){.step_count = count,
                                .steps = ep->infos,
                                .weight_bytes = plan->weight_bytes,
                                .activation_peak_bytes = plan->layout.peak_bytes,
                                .activation_bound_bytes = plan->layout.bound_bytes,
                                .staging_bytes = ep->upload_bytes + ep->readback_bytes,
                                .dispatch_count = plan->dispatch_count,
                                .host_step_count = plan->host_step_count,
                                .barrier_count = plan->barrier_count,
                                .submission_count = ep->slice_count,
                                .pipeline_count = pipelines};
    return PUM_OK;
}

pum_status pum_session_plan(pum_session *session, const pum_tensor *inputs, int32_t input_count,
                            pum_plan_info *out_info)
{
    if (!out_info)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_plan: out_info is NULL");
    *out_info = (pum_plan_info){0};
    if (!session)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_plan: session is NULL");
    if (session->state == EXEC_IN_FLIGHT)
        return pum_fail(PUM_E_STATE, "a run is in flight: pum_session_wait for it first");
    if (session->program)
        return exec_program_report(session, out_info);
    if (!inputs) {
        if (!session->current)
            return pum_fail(PUM_E_STATE, "there is no plan: run the session or give shapes");
        return exec_report(session->current, out_info);
    }
    if (input_count != session->graph->input_count)
        return pum_fail(PUM_E_ARGUMENT, "%d inputs were given, the graph has %d", input_count,
                        session->graph->input_count);
    for (int32_t i = 0; i < input_count; i++) {
        if (inputs[i].rank < 0 || inputs[i].rank > PUM_MAX_RANK)
            return pum_fail(PUM_E_ARGUMENT, "input %d: rank %d is not in 0..%d", i, inputs[i].rank,
                            PUM_MAX_RANK);
        session->descs[i] =
            (struct tensor_desc){inputs[i].dtype, shape_of(inputs[i].rank, inputs[i].dims)};
        size_t bytes;
        bool whole = tensor_bytes(&session->descs[i], &bytes) && bytes == inputs[i].size_bytes;
        session->values[i] = whole ? inputs[i].data : NULL;
    }
    struct exec_plan *ep;
    pum_status status = exec_find_plan(session, session->descs, session->values, &ep);
    if (status == OP_NEEDS_DATA)
        return pum_fail_prefix(PUM_E_STATE, "run the session first: shapes follow from data");
    PUM_TRY(status);
    return exec_report(ep, out_info);
}
