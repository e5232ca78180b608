/* SPDX-License-Identifier: MIT
 *
 * program_session.c - a session whose graph is a program: its inputs and outputs as values, its
 * report. Tests: tests/exec/test_program.c.
 */
#include "exec/program.h"

#include <string.h>

pum_status exec_make_program(struct pum_session *session)
{
    size_t count = (size_t)session->graph->output_count + 1;
    PUM_TRY(program_create(session, session->graph, 0, &session->program));
    session->outputs = pum_alloc(session->context, count, sizeof *session->outputs);
    return session->outputs ? PUM_OK : PUM_E_MEMORY;
}

static void clear_outputs(struct pum_session *session)
{
    for (int32_t i = 0; session->outputs && i < session->graph->output_count; i++)
        exec_value_clear(session->context, &session->outputs[i]);
}

void exec_drop_program(struct pum_session *session)
{
    if (!session->program)
        return;
    clear_outputs(session);
    pum_free(session->context, session->outputs);
    pum_free(session->context, session->program_infos);
    program_destroy(&session->program);
}

/* The session's input as a value; its data is lent for the run. */
static pum_status input_value(struct pum_session *session, int32_t index, struct exec_value *to)
{
    const struct exec_input *input = &session->inputs[index];
    if (input->other.set)
        return exec_value_share(session->context, to, &input->other);
    const struct host_tensor host = {input->desc, input->data};
    return exec_value_set_tensor(session->context, to, exec_tensor_borrow(session->context, &host));
}

/* An output must not be the caller's input buffer, which the next input overwrites. */
static pum_status own_outputs(struct pum_session *session)
{
    for (int32_t o = 0; o < session->graph->output_count; o++) {
        struct exec_value *value = &session->outputs[o];
        for (int32_t i = 0; i < value->count; i++) {
            if (!value->items[i]->borrowed)
                continue;
            struct exec_tensor *copy = exec_tensor_copy(session->context, &value->items[i]->host);
            if (!copy)
                return PUM_E_MEMORY;
            exec_tensor_drop(session->context, &value->items[i]);
            value->items[i] = copy;
        }
    }
    return PUM_OK;
}

pum_status exec_run_program(struct pum_session *session)
{
    int32_t count = session->graph->input_count;
    if (!session->program)
        PUM_TRY(exec_make_program(session));
    clear_outputs(session);
    struct exec_value *inputs = pum_alloc(session->context, (size_t)count + 1, sizeof *inputs);
    if (!inputs)
        return PUM_E_MEMORY;
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < count && status == PUM_OK; i++)
        status = input_value(session, i, &inputs[i]);
    if (status == PUM_OK)
        status = program_run(session->program, inputs, count, session->outputs,
                             session->graph->output_count);
    if (status == PUM_OK)
        status = own_outputs(session);
    for (int32_t i = 0; i < count; i++)
        exec_value_clear(session->context, &inputs[i]);
    pum_free(session->context, inputs);
    if (status == PUM_OK)
        session->state = EXEC_IN_FLIGHT; /* pum_session_wait has nothing to wait for */
    return status;
}

pum_status exec_program_output(const struct pum_session *session, int32_t index, int32_t item,
                               pum_tensor *out_tensor)
{
    const struct exec_value *value = &session->outputs[index];
    if (item < 0 || item >= value->count)
        return pum_fail(PUM_E_ARGUMENT, "output %d has %d tensors, not number %d", index,
                        value->count, item);
    const struct host_tensor *host = &value->items[item]->host;
    out_tensor->dtype = host->desc.dtype;
    out_tensor->rank = host->desc.shape.rank;
    memcpy(out_tensor->dims, host->desc.shape.dims, sizeof out_tensor->dims);
    (void)tensor_bytes(&host->desc, &out_tensor->size_bytes);
    out_tensor->data = host->data;
    return PUM_OK;
}

static pum_status check_output(const pum_session *session, int32_t index)
{
    if (!session || index < 0 || index >= session->graph->output_count)
        return pum_fail(PUM_E_ARGUMENT, "output %d does not exist", index);
    if (session->state != EXEC_DONE || (!session->current && !session->program))
        return pum_fail(PUM_E_STATE, "there is no finished run");
    return PUM_OK;
}

pum_status pum_session_get_output_kind(pum_session *session, int32_t index,
                                       pum_value_kind *out_kind, int32_t *out_count)
{
    if (!out_kind || !out_count)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_get_output_kind: an out pointer is NULL");
    *out_kind = PUM_VALUE_TENSOR;
    *out_count = 1;
    PUM_TRY(check_output(session, index));
    if (session->program) {
        *out_kind = session->outputs[index].kind;
        *out_count = session->outputs[index].count;
    }
    return PUM_OK;
}

pum_status pum_session_get_output_item(pum_session *session, int32_t index, int32_t item,
                                       pum_tensor *out_tensor)
{
    if (!out_tensor)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_get_output_item: out_tensor is NULL");
    *out_tensor = (pum_tensor){0};
    PUM_TRY(check_output(session, index));
    if (session->program)
        return exec_program_output(session, index, item, out_tensor);
    if (item != 0)
        return pum_fail(PUM_E_ARGUMENT, "output %d is one tensor", index);
    return pum_session_get_output(session, index, out_tensor);
}

/* --- Report ----------------------------------------------------------------------------------- */

struct program_report {
    struct pum_session *session;
    int32_t capacity;
    pum_plan_info total;
};

static pum_status add_step(struct program_report *report, const pum_step_info *step)
{
    struct pum_session *session = report->session;
    PUM_TRY(pum_grow(session->context, &session->program_infos, &report->capacity,
                     report->total.step_count, sizeof *session->program_infos));
    session->program_infos[report->total.step_count++] = *step;
    return PUM_OK;
}

static void add_sums(pum_plan_info *total, const pum_plan_info *part)
{
    total->weight_bytes += part->weight_bytes;
    total->staging_bytes += part->staging_bytes;
    total->dispatch_count += part->dispatch_count;
    total->host_step_count += part->host_step_count;
    total->barrier_count += part->barrier_count;
    total->submission_count += part->submission_count;
    total->pipeline_count += part->pipeline_count;
    /* Islands keep their memory, so it adds up, and so does the bound. */
    total->activation_peak_bytes += part->activation_peak_bytes;
    total->activation_bound_bytes += part->activation_bound_bytes;
}

static pum_status report_program(struct program_report *report, struct exec_program *program);

static pum_status report_step(struct program_report *report, struct exec_program *program,
                              struct program_part *part)
{
    const struct graph_node *node = &program->graph->nodes[part->node];
    const pum_step_info info = {
        .kind = PUM_STEP_HOST,
        .op = op_rows[node->op].name,
        .node = node->name,
        .kernel = "run",
        .fused = "",
        .why = op_rows[node->op].lowering->program ? "carried out by the run"
                                                   : "shapes or values follow from data",
    };
    PUM_TRY(add_step(report, &info));
    report->total.host_step_count++;
    for (int32_t i = 0; i < 2; i++) {
        if (part->bodies[i])
            PUM_TRY(report_program(report, part->bodies[i]));
    }
    return PUM_OK;
}

static pum_status report_program(struct program_report *report, struct exec_program *program)
{
    for (int32_t i = 0; i < program->part_count; i++) {
        struct program_part *part = &program->parts[i];
        pum_plan_info info;
        if (!part->island) {
            PUM_TRY(report_step(report, program, part));
            continue;
        }
        if (!part->island->current)
            continue;
        PUM_TRY(exec_report(part->island->current, &info));
        for (int32_t s = 0; s < info.step_count; s++)
            PUM_TRY(add_step(report, &info.steps[s]));
        add_sums(&report->total, &info);
    }
    return PUM_OK;
}

pum_status exec_program_report(struct pum_session *session, pum_plan_info *out_info)
{
    struct program_report report = {.session = session};
    if (!session->program->built)
        return pum_fail(PUM_E_STATE, "shapes in this graph follow from its data: run it first");
    pum_free(session->context, session->program_infos);
    session->program_infos = NULL;
    PUM_TRY(report_program(&report, session->program));
    report.total.steps = session->program_infos;
    *out_info = report.total;
    return PUM_OK;
}
