/* SPDX-License-Identifier: MIT
 *
 * program_step.c - one step of a program on the host: a row with data-dependent shapes or strings
 * by its reference, and the way to what is no row's business (control flow, lists). Tests:
 * tests/exec/test_program.c.
 */
#include "exec/program.h"

#include <string.h>

pum_status program_tensor(const struct exec_program *program, const struct graph_node *node,
                          int32_t index, const struct host_tensor **out_tensor)
{
    const struct exec_value *value = program_input(program, node, index);
    *out_tensor = value ? exec_value_tensor(value) : NULL;
    if (!value)
        return pum_fail(PUM_E_ARGUMENT, "input %d is required", index);
    if (!*out_tensor)
        return pum_fail(PUM_E_TYPE, "input %d must be a tensor, not %s", index,
                        value->kind == PUM_VALUE_SEQUENCE ? "a list" : "nothing");
    return PUM_OK;
}

pum_status program_int(const struct exec_program *program, const struct graph_node *node,
                       int32_t index, int64_t absent, int64_t *out_value)
{
    const struct host_tensor *tensor;
    *out_value = absent;
    if (!program_input(program, node, index))
        return PUM_OK;
    PUM_TRY(program_tensor(program, node, index, &tensor));
    if (shape_elements(&tensor->desc.shape) != 1 || dtype_is_float(tensor->desc.dtype) ||
        tensor->desc.dtype == PUM_DTYPE_STRING)
        return pum_fail(PUM_E_TYPE, "input %d must be one integer or bool", index);
    *out_value = tensor_get_i64(tensor, 0);
    return PUM_OK;
}

/* splitmix64 (Steele, Lea, Flood 2014): a well mixed number for each counter value. */
static uint64_t next_random(struct pum_session *session)
{
    uint64_t z = session->random_seed + ++session->random_count * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Strings that the reference made lie in an arena: the tensor gets its own. */
static pum_status own_strings(pum_context *context, struct exec_tensor **tensor)
{
    if ((*tensor)->host.desc.dtype != PUM_DTYPE_STRING)
        return PUM_OK;
    struct exec_tensor *copy = exec_tensor_copy(context, &(*tensor)->host);
    if (!copy)
        return PUM_E_MEMORY;
    exec_tensor_drop(context, tensor);
    *tensor = copy;
    return PUM_OK;
}

static pum_status call_row(struct exec_program *program, struct op_call *call,
                           struct host_tensor *host, struct exec_tensor **outputs)
{
    pum_context *context = program->session->context;
    pum_status status = op_infer(call);
    if (status == OP_NEEDS_DATA)
        return pum_fail_prefix(PUM_E_INTERNAL, "with all inputs known");
    PUM_TRY(status);
    for (int32_t i = 0; i < call->output_count; i++) {
        if (host[i].desc.dtype == PUM_DTYPE_NONE)
            continue;
        outputs[i] = exec_tensor_new(context, &host[i].desc);
        if (!outputs[i])
            return PUM_E_MEMORY;
        host[i].data = outputs[i]->host.data;
    }
    PUM_TRY(op_reference(call));
    for (int32_t i = 0; i < call->output_count; i++) {
        if (outputs[i])
            PUM_TRY(own_strings(context, &outputs[i]));
    }
    return PUM_OK;
}

pum_status program_row(struct exec_program *program, const struct graph_node *node,
                       const struct host_tensor *inputs, int32_t input_count,
                       struct exec_tensor **outputs, int32_t output_count)
{
    pum_context *context = program->session->context;
    struct base_arena strings;
    base_arena_init(&strings, context);
    struct host_tensor *host = pum_alloc(context, (size_t)output_count + 1, sizeof *host);
    struct op_call call = {
        .context = context,
        .node = node,
        .input_count = input_count,
        .inputs = inputs,
        .output_count = output_count,
        .outputs = host,
        .strings = &strings,
        .random = op_rows[node->op].lowering->random ? next_random(program->session) : 0};
    memset(outputs, 0, (size_t)output_count * sizeof *outputs);
    pum_status status = host ? call_row(program, &call, host, outputs) : PUM_E_MEMORY;
    for (int32_t i = 0; status != PUM_OK && i < output_count; i++)
        exec_tensor_drop(context, &outputs[i]);
    pum_free(context, host);
    base_arena_free(&strings);
    return status;
}

/* A row's node: all inputs are tensors. */
static pum_status step_row(struct exec_program *program, const struct graph_node *node)
{
    pum_context *context = program->session->context;
    struct host_tensor *inputs = pum_alloc(context, (size_t)node->input_count + 1, sizeof *inputs);
    struct exec_tensor **outputs =
        pum_alloc(context, (size_t)node->output_count + 1, sizeof *outputs);
    pum_status status = inputs && outputs ? PUM_OK : PUM_E_MEMORY;
    for (int32_t i = 0; i < node->input_count && status == PUM_OK; i++) {
        const struct host_tensor *tensor;
        if (node->inputs[i] < 0)
            continue;
        status = program_tensor(program, node, i, &tensor);
        if (status == PUM_OK)
            inputs[i] = *tensor;
    }
    if (status == PUM_OK)
        status = program_row(program, node, inputs, node->input_count, outputs, node->output_count);
    for (int32_t i = 0; i < node->output_count && status == PUM_OK; i++) {
        struct exec_value *value = program_output(program, node, i);
        struct exec_tensor *tensor = outputs[i];
        outputs[i] = NULL;
        if (value && tensor)
            status = exec_value_set_tensor(context, value, tensor);
        else
            exec_tensor_drop(context, &tensor);
    }
    for (int32_t i = 0; outputs && i < node->output_count; i++)
        exec_tensor_drop(context, &outputs[i]);
    pum_free(context, inputs);
    pum_free(context, outputs);
    return status;
}

pum_status program_step(struct exec_program *program, struct program_part *part)
{
    const struct graph_node *node = &program->graph->nodes[part->node];
    switch (node->op) {
    case OP_IF:
        return program_if(program, part);
    case OP_LOOP:
        return program_loop(program, part);
    case OP_SCAN:
        return program_scan(program, part);
    case OP_SEQUENCEMAP:
        return program_sequence_map(program, part);
    case OP_IDENTITY: { /* also of lists and of nothing */
        struct exec_value *to = program_output(program, node, 0);
        return to ? exec_value_share(program->session->context, to, program_input(program, node, 0))
                  : PUM_OK;
    }
    default:
        return op_rows[node->op].lowering->program ? program_sequence(program, node)
                                                   : step_row(program, node);
    }
}
