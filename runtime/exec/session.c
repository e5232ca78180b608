/* SPDX-License-Identifier: MIT
 *
 * session.c - a graph on a device: its inputs and outputs, and the small cache of plans for
 * different input shapes. Running is in run.c. Tests: tests/exec/test_session.c.
 */
#include "exec/program.h"
#include "passes/passes.h"

#include <string.h>

#define DEFAULT_MAX_PLANS 8
#define DEFAULT_MAX_ITERATIONS 1000000

/* Branches that plans may take in place of their If are prepared as the graph itself is, in copies
 * (a body is shared by all sessions), and their weights get numbers of their own. */
static pum_status prepare_branch(struct pum_graph *graph, int32_t node, const char *name,
                                 int32_t *next_id, int32_t depth);

static pum_status prepare_branches(struct pum_graph *graph, int32_t *next_id, int32_t depth)
{
    if (depth > PROGRAM_MAX_DEPTH)
        return pum_fail(PUM_E_UNSUPPORTED, "bodies are nested more than %d deep",
                        PROGRAM_MAX_DEPTH);
    for (int32_t n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].op != OP_IF || !pass_if_is_plain(&graph->nodes[n]))
            continue;
        PUM_TRY(prepare_branch(graph, n, "then_branch", next_id, depth));
        PUM_TRY(prepare_branch(graph, n, "else_branch", next_id, depth));
    }
    return PUM_OK;
}

static pum_status prepare_branch(struct pum_graph *graph, int32_t node, const char *name,
                                 int32_t *next_id, int32_t depth)
{
    struct pum_graph *branch;
    pum_status status;
    PUM_TRY(graph_clone(node_graph(&graph->nodes[node], name), &branch));
    PUM_TRY_GOTO(passes_load(branch), end);
    for (int32_t i = 0; i < branch->tensor_count; i++)
        branch->tensors[i].base_id = branch->tensors[i].data ? (*next_id)++ : -1;
    PUM_TRY_GOTO(prepare_branches(branch, next_id, depth + 1), end);
    const pum_attr attr = {.name = name, .kind = PUM_ATTR_GRAPH, .graph = branch};
    status = graph_set_attr(graph, node, &attr);
end:
    graph_release(&branch);
    return status;
}

static pum_status make_inputs(struct pum_session *session)
{
    size_t count = (size_t)session->graph->input_count;
    session->inputs = pum_alloc(session->context, count, sizeof *session->inputs);
    session->descs = pum_alloc(session->context, count, sizeof *session->descs);
    session->values = pum_alloc(session->context, count + 1, sizeof *session->values);
    session->plans =
        pum_alloc(session->context, (size_t)session->max_plans, sizeof *session->plans);
    return session->inputs && session->descs && session->values && session->plans ? PUM_OK
                                                                                  : PUM_E_MEMORY;
}

pum_status exec_session_create(struct pum_device *device, struct pum_graph *graph,
                               const pum_session_params *params, const struct base_caps *caps,
                               bool island, struct pum_session **out_session)
{
    static const pum_session_params defaults = {0};
    if (!params)
        params = &defaults;
    pum_context *context = gpu_device_context(device);
    pum_status status;
    struct pum_session *session = pum_alloc(context, 1, sizeof *session);
    if (!session)
        return PUM_E_MEMORY;
    session->context = context;
    session->device = device;
    session->caps = *caps;
    session->weights.device = device;
    session->max_plans = params->max_plans > 0 ? params->max_plans : DEFAULT_MAX_PLANS;
    session->profile = params->profile;
    session->island = island;
    session->random_seed = params->random_seed;
    session->max_loop_iterations =
        params->max_loop_iterations > 0 ? params->max_loop_iterations : DEFAULT_MAX_ITERATIONS;
    session->progress = params->progress;
    session->progress_user = params->progress_user;
    PUM_TRY_GOTO(graph_clone(graph, &session->graph), fail);
    if (params->rows_follow)
        PUM_TRY_GOTO(pass_rows_follow(session->graph), fail);
    PUM_TRY_GOTO(passes_load(session->graph), fail);
    for (int32_t i = 0; i < session->graph->tensor_count; i++)
        session->graph->tensors[i].base_id = session->graph->tensors[i].data ? i : -1;
    int32_t next_id = session->graph->tensor_count;
    PUM_TRY_GOTO(prepare_branches(session->graph, &next_id, 0), fail);
    PUM_TRY_GOTO(make_inputs(session), fail);
    if (!island && program_is_needed(session->graph))
        PUM_TRY_GOTO(exec_make_program(session), fail);
    *out_session = session;
    return PUM_OK;
fail:
    pum_session_destroy(&session);
    return status;
}

pum_status pum_session_create(pum_device *device, pum_graph *graph,
                              const pum_session_params *params, pum_session **out_session)
{
    if (!out_session)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_create: out_session is NULL");
    *out_session = NULL;
    if (!device || !graph)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_create: device or graph is NULL");
    if (!graph->finished)
        return pum_fail(PUM_E_STATE, "the graph is not finished: pum_graph_finish first");
    return exec_session_create(device, graph, params, gpu_device_caps(device), false, out_session);
}

static void clear_input(struct pum_session *session, struct exec_input *input)
{
    if (!input->lent)
        pum_free(session->context, input->data);
    exec_value_clear(session->context, &input->other);
    bool by_value = input->by_value;
    *input = (struct exec_input){.by_value = by_value};
}

void pum_session_destroy(pum_session **session_pointer)
{
    struct pum_session *session = session_pointer ? *session_pointer : NULL;
    if (!session)
        return;
    if (session->state == EXEC_IN_FLIGHT && session->ticket &&
        gpu_wait(session->device, session->ticket, UINT64_MAX) != PUM_OK)
        pum_log(session->context, PUM_LOG_WARNING, "a run could not be awaited: %s",
                pum_last_error());
    for (int32_t i = 0; i < session->plan_count; i++)
        exec_plan_destroy(session, &session->plans[i]);
    exec_weights_free(&session->weights);
    exec_drop_program(session);
    for (int32_t i = 0; session->inputs && i < session->graph->input_count; i++)
        clear_input(session, &session->inputs[i]);
    pum_free(session->context, session->inputs);
    pum_free(session->context, session->values);
    pum_free(session->context, session->descs);
    pum_free(session->context, session->plans);
    graph_release(&session->graph);
    pum_free(session->context, session);
    *session_pointer = NULL;
}

/* --- Inputs and outputs --- */

static pum_status check_input(const struct pum_session *session, int32_t index,
                              const pum_tensor *tensor, struct tensor_desc *out_desc)
{
    if (!tensor || index < 0 || index >= session->graph->input_count)
        return pum_fail(PUM_E_ARGUMENT, "input %d does not exist: the graph has %d", index,
                        session->graph->input_count);
    const struct graph_tensor *input = &session->graph->tensors[session->graph->inputs[index]];
    char wanted[SHAPE_TEXT_BYTES], given[SHAPE_TEXT_BYTES];
    size_t bytes;
    if (tensor->rank < 0 || tensor->rank > PUM_MAX_RANK)
        return pum_fail(PUM_E_ARGUMENT, "input '%s': rank %d is not in 0..%d", input->name,
                        tensor->rank, PUM_MAX_RANK);
    *out_desc = (struct tensor_desc){tensor->dtype, shape_of(tensor->rank, tensor->dims)};
    if (input->kind == PUM_VALUE_SEQUENCE)
        return pum_fail(PUM_E_TYPE, "input '%s' is a list: use pum_session_set_sequence",
                        input->name);
    if (input->desc.dtype != PUM_DTYPE_NONE && tensor->dtype != input->desc.dtype)
        return pum_fail(PUM_E_TYPE, "input '%s' must be %s, not %s", input->name,
                        pum_dtype_name(input->desc.dtype), pum_dtype_name(tensor->dtype));
    bool fits = input->desc.shape.rank < 0 || input->desc.shape.rank == tensor->rank;
    for (int32_t i = 0; fits && input->desc.shape.rank >= 0 && i < tensor->rank; i++)
        fits = tensor->dims[i] >= 0 &&
               (input->desc.shape.dims[i] < 0 || input->desc.shape.dims[i] == tensor->dims[i]);
    if (!fits || shape_has_symbol(&out_desc->shape))
        return pum_fail(PUM_E_SHAPE, "input '%s' must have shape %s (? is free), not %s",
                        input->name, shape_text(&input->desc.shape, wanted),
                        shape_text(&out_desc->shape, given));
    if (!tensor_bytes(out_desc, &bytes))
        return pum_fail(PUM_E_SHAPE, "input '%s': shape %s is too large", input->name,
                        shape_text(&out_desc->shape, given));
    return PUM_OK;
}

pum_status pum_session_set_input(pum_session *session, int32_t index, const pum_tensor *tensor)
{
    struct tensor_desc desc;
    if (!session)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_set_input: session is NULL");
    if (session->state == EXEC_IN_FLIGHT)
        return pum_fail(PUM_E_STATE, "a run is in flight: pum_session_wait for it first");
    PUM_TRY(check_input(session, index, tensor, &desc));
    size_t bytes;
    (void)tensor_bytes(&desc, &bytes);
    if (tensor->size_bytes != bytes || (bytes > 0 && !tensor->data))
        return pum_fail(PUM_E_ARGUMENT, "input %d: %zu bytes were given where its shape needs %zu",
                        index, tensor->data ? tensor->size_bytes : (size_t)0, bytes);
    struct exec_input *input = &session->inputs[index];
    if (desc.dtype == PUM_DTYPE_STRING || input->other.set || input->lent)
        clear_input(session, input);
    if (desc.dtype == PUM_DTYPE_STRING) {
        const struct host_tensor host = {desc, tensor->data};
        PUM_TRY(exec_value_set_tensor(session->context, &input->other,
                                      exec_tensor_copy(session->context, &host)));
        input->desc = desc;
        input->set = true;
        return PUM_OK;
    }
    if (bytes > input->capacity || !input->data) {
        void *data = pum_realloc(session->context, input->data, bytes ? bytes : 1, 1);
        if (!data)
            return PUM_E_MEMORY;
        input->data = data;
        input->capacity = bytes;
    }
    if (bytes > 0)
        memcpy(input->data, tensor->data, bytes);
    input->desc = desc;
    input->set = true;
    return PUM_OK;
}

pum_status pum_session_get_output(pum_session *session, int32_t index, pum_tensor *out_tensor)
{
    if (!out_tensor)
        return pum_fail(PUM_E_ARGUMENT, "pum_session_get_output: out_tensor is NULL");
    *out_tensor = (pum_tensor){0};
    if (!session || index < 0 || index >= session->graph->output_count)
        return pum_fail(PUM_E_ARGUMENT, "output %d does not exist", index);
    if (session->state != EXEC_DONE || (!session->current && !session->program))
        return pum_fail(PUM_E_STATE, "there is no finished run");
    if (session->program)
        return exec_program_output(session, index, 0, out_tensor);
    const struct exec_plan *ep = session->current;
    int32_t value = ep->plan->graph->outputs[index];
    const struct tensor_desc *desc = &ep->plan->graph->tensors[value].desc;
    out_tensor->dtype = desc->dtype;
    out_tensor->rank = desc->shape.rank;
    memcpy(out_tensor->dims, desc->shape.dims, sizeof out_tensor->dims);
    (void)tensor_bytes(desc, &out_tensor->size_bytes);
    out_tensor->data = exec_host_data(session, ep, value);
    if (!out_tensor->data && out_tensor->size_bytes > 0)
        return pum_fail(PUM_E_INTERNAL, "output %d was not read back", index);
    return PUM_OK;
}

static pum_status check_index(const struct pum_session *session, const char *function,
                              int32_t index)
{
    if (!session)
        return pum_fail(PUM_E_ARGUMENT, "%s: session is NULL", function);
    if (session->state == EXEC_IN_FLIGHT)
        return pum_fail(PUM_E_STATE, "a run is in flight: pum_session_wait for it first");
    if (index < 0 || index >= session->graph->input_count)
        return pum_fail(PUM_E_ARGUMENT, "input %d does not exist: the graph has %d", index,
                        session->graph->input_count);
    return PUM_OK;
}

pum_status exec_lend_input(struct pum_session *session, int32_t index,
                           const struct host_tensor *tensor)
{
    PUM_TRY(check_index(session, "exec_lend_input", index));
    struct exec_input *input = &session->inputs[index];
    if (!input->lent)
        clear_input(session, input);
    input->desc = tensor->desc;
    input->data = tensor->data;
    input->lent = input->set = true;
    return PUM_OK;
}

pum_status pum_session_set_sequence(pum_session *session, int32_t index, const pum_tensor *items,
                                    int32_t count)
{
    PUM_TRY(check_index(session, "pum_session_set_sequence", index));
    const struct graph_tensor *declared = &session->graph->tensors[session->graph->inputs[index]];
    if (declared->kind == PUM_VALUE_TENSOR)
        return pum_fail(PUM_E_TYPE, "input '%s' is one tensor: use pum_session_set_input",
                        declared->name);
    if (count < 0 || (count > 0 && !items))
        return pum_fail(PUM_E_ARGUMENT, "input '%s': a list of %d tensors", declared->name, count);
    struct exec_input *input = &session->inputs[index];
    clear_input(session, input);
    exec_value_set_empty(session->context, &input->other, PUM_VALUE_SEQUENCE);
    for (int32_t i = 0; i < count; i++) {
        struct host_tensor host = {{items[i].dtype, {.rank = -1}}, items[i].data};
        size_t bytes = 0;
        if (items[i].rank >= 0 && items[i].rank <= PUM_MAX_RANK)
            host.desc.shape = shape_of(items[i].rank, items[i].dims);
        if (!tensor_bytes(&host.desc, &bytes) || bytes != items[i].size_bytes ||
            (bytes > 0 && !host.data))
            return pum_fail(PUM_E_ARGUMENT, "input '%s': item %d has no valid shape or size",
                            declared->name, i);
        PUM_TRY(exec_value_insert(session->context, &input->other, i,
                                  exec_tensor_copy(session->context, &host)));
    }
    input->set = true;
    return PUM_OK;
}

pum_status pum_session_set_none(pum_session *session, int32_t index)
{
    PUM_TRY(check_index(session, "pum_session_set_none", index));
    const struct graph_tensor *declared = &session->graph->tensors[session->graph->inputs[index]];
    if (declared->kind != PUM_VALUE_NONE)
        return pum_fail(PUM_E_TYPE, "input '%s' is not optional", declared->name);
    struct exec_input *input = &session->inputs[index];
    clear_input(session, input);
    exec_value_set_empty(session->context, &input->other, PUM_VALUE_NONE);
    input->set = true;
    return PUM_OK;
}

/* --- Plans --- */

void exec_plan_destroy(struct pum_session *session, struct exec_plan **plan_pointer)
{
    struct exec_plan *ep = *plan_pointer;
    if (!ep)
        return;
    for (int32_t i = 0; i < ep->slice_count; i++)
        gpu_commands_destroy(&ep->slices[i].commands);
    for (int32_t i = 0; i < PLAN_MAX_ARENAS; i++)
        gpu_buffer_destroy(&ep->arenas[i]);
    gpu_buffer_destroy(&ep->upload);
    gpu_buffer_destroy(&ep->readback);
    exec_weights_free(&ep->own);
    if (ep->host && ep->plan) {
        for (int32_t v = 0; v < ep->plan->value_count; v++)
            pum_free(session->context, ep->host[v]);
    }
    plan_destroy(&ep->plan);
    for (int32_t i = 0; ep->values && i < session->graph->input_count; i++)
        pum_free(session->context, ep->values[i]);
    pum_free(session->context, ep->values);
    pum_free(session->context, ep->slices);
    pum_free(session->context, ep->inputs);
    pum_free(session->context, ep);
    if (session->current == ep)
        session->current = NULL;
    *plan_pointer = NULL;
}

/* Types and shapes, and with `data` also the values that the plan was made for. */
static bool same_inputs(const struct pum_session *session, const struct exec_plan *ep,
                        const struct tensor_desc *inputs, const void *const *data, bool values)
{
    for (int32_t i = 0; i < session->graph->input_count; i++) {
        size_t bytes;
        if (ep->inputs[i].dtype != inputs[i].dtype ||
            !shape_equal(&ep->inputs[i].shape, &inputs[i].shape))
            return false;
        if (!values || !ep->values[i])
            continue;
        if (!data || !data[i] || !tensor_bytes(&inputs[i], &bytes) ||
            memcmp(ep->values[i], data[i], bytes) != 0)
            return false;
    }
    return true;
}

/* Makes room by dropping the plan that was used longest ago. */
static void drop_oldest(struct pum_session *session)
{
    int32_t oldest = 0;
    for (int32_t i = 1; i < session->plan_count; i++) {
        if (session->plans[i]->last_use < session->plans[oldest]->last_use)
            oldest = i;
    }
    exec_plan_destroy(session, &session->plans[oldest]);
    session->plans[oldest] = session->plans[--session->plan_count];
}

/* The inputs' part of the key. */
static pum_status copy_key(struct pum_session *session, struct exec_plan *ep,
                           const struct tensor_desc *inputs, const void *const *data)
{
    size_t count = (size_t)session->graph->input_count, bytes;
    ep->inputs = pum_alloc(session->context, count, sizeof *ep->inputs);
    ep->values = pum_alloc(session->context, count + 1, sizeof *ep->values);
    if (!ep->inputs || !ep->values)
        return PUM_E_MEMORY;
    if (count > 0)
        memcpy(ep->inputs, inputs, count * sizeof *inputs);
    for (size_t i = 0; i < count; i++) {
        if (!session->inputs[i].by_value || !data || !data[i] || !tensor_bytes(&inputs[i], &bytes))
            continue;
        ep->values[i] = pum_alloc(session->context, bytes + 1, 1);
        if (!ep->values[i])
            return PUM_E_MEMORY;
        if (bytes > 0)
            memcpy(ep->values[i], data[i], bytes);
    }
    return PUM_OK;
}

static pum_status make_plan(struct pum_session *session, const struct tensor_desc *inputs,
                            const void *const *data, struct exec_plan **out_plan)
{
    pum_status status;
    struct exec_plan *ep = pum_alloc(session->context, 1, sizeof *ep);
    if (!ep)
        return PUM_E_MEMORY;
    struct plan_cache_view cache = {exec_weights_has, &session->weights};
    PUM_TRY_GOTO(copy_key(session, ep, inputs, data), fail);
    PUM_TRY_GOTO(plan_create(session->graph, &session->caps, inputs,
                             (const void *const *)ep->values, &cache, &ep->plan, &session->need),
                 fail);
    *out_plan = ep;
    return PUM_OK;
fail:
    exec_plan_destroy(session, &ep);
    return status;
}

/* Marks the inputs that the needed value follows from; false when that brings nothing new. */
static bool bind_leaves(struct pum_session *session, const void *const *data)
{
    const struct graph_need *need = &session->need;
    bool new_leaf = false;
    for (int32_t k = 0; k < need->leaf_count; k++) {
        for (int32_t i = 0; i < session->graph->input_count; i++) {
            if (session->graph->inputs[i] != need->leaves[k])
                continue;
            if (!data || !data[i])
                return false;
            new_leaf = new_leaf || !session->inputs[i].by_value;
            session->inputs[i].by_value = true;
        }
    }
    if (new_leaf && session->bound_need_count < EXEC_MAX_BOUND_NEEDS)
        session->bound_needs[session->bound_need_count++] = *need;
    return new_leaf;
}

pum_status exec_find_plan(struct pum_session *session, const struct tensor_desc *inputs,
                          const void *const *data, struct exec_plan **out_plan)
{
    *out_plan = NULL;
    bool other_values = false;
    for (int32_t i = 0; i < session->plan_count; i++) {
        if (same_inputs(session, session->plans[i], inputs, data, true)) {
            session->plans[i]->last_use = ++session->clock;
            *out_plan = session->plans[i];
            return PUM_OK;
        }
        other_values = other_values || same_inputs(session, session->plans[i], inputs, data, false);
    }
    session->value_plans += other_values;
    struct exec_plan *ep;
    pum_status status;
    do {
        status = make_plan(session, inputs, data, &ep);
    } while (status == OP_NEEDS_DATA && bind_leaves(session, data));
    PUM_TRY(status);
    if (session->plan_count == session->max_plans)
        drop_oldest(session);
    ep->last_use = ++session->clock;
    session->plans[session->plan_count++] = ep;
    *out_plan = ep;
    return PUM_OK;
}
