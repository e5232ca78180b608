/* SPDX-License-Identifier: MIT
 *
 * program.c - the run of a program over its parts (see program.h). Tests:
 * tests/exec/test_program.c.
 */
#include "exec/program.h"

#include "passes/passes.h"

#include <string.h>

/* Cutting anew ends: each time a node becomes a step or gets a cut. This is a net below that. */
#define MAX_STARTS 10000

/* An island in a loop that is planned anew this often for other values at the same shapes: the
 * nodes that ask for them become steps. */
#define MAX_VALUE_PLANS 12

pum_status program_create(struct pum_session *session, struct pum_graph *graph, int32_t depth,
                          struct exec_program **out_program)
{
    pum_context *context = session->context;
    pum_status status;
    *out_program = NULL;
    if (depth > PROGRAM_MAX_DEPTH)
        return pum_fail(PUM_E_UNSUPPORTED, "bodies are nested more than %d deep",
                        PROGRAM_MAX_DEPTH);
    struct exec_program *program = pum_alloc(context, 1, sizeof *program);
    if (!program)
        return PUM_E_MEMORY;
    program->session = session;
    program->graph = graph;
    program->depth = depth;
    if (depth > 0) {
        PUM_TRY_GOTO(graph_clone(graph, &program->graph), fail);
        program->owns_graph = true;
        PUM_TRY_GOTO(passes_load(program->graph), fail);
    }
    PUM_TRY_GOTO(graph_sort(program->graph), fail);
    program->values =
        pum_alloc(context, (size_t)program->graph->tensor_count + 1, sizeof *program->values);
    status = program->values ? PUM_OK : PUM_E_MEMORY;
    if (status != PUM_OK)
        goto fail;
    *out_program = program;
    return PUM_OK;
fail:
    program_destroy(&program);
    return status;
}

static void clear_values(struct exec_program *program)
{
    for (int32_t i = 0; program->values && i < program->graph->tensor_count; i++)
        exec_value_clear(program->session->context, &program->values[i]);
}

void program_destroy(struct exec_program **pointer)
{
    struct exec_program *program = *pointer;
    if (!program)
        return;
    pum_context *context = program->session->context;
    program_drop_parts(program);
    clear_values(program);
    pum_free(context, program->values);
    pum_free(context, program->parts);
    pum_free(context, program->cuts);
    pum_free(context, program->is_step);
    if (program->owns_graph)
        graph_release(&program->graph);
    pum_free(context, program);
    *pointer = NULL;
}

pum_status program_check(const struct exec_program *program)
{
    if (__atomic_load_n(&program->session->cancelled, __ATOMIC_RELAXED))
        return pum_fail(PUM_E_CANCELLED, "the run was cancelled");
    return PUM_OK;
}

/* --- Values ----------------------------------------------------------------------------------- */

/* Constants become values when somebody asks. */
static pum_status ensure_constant(struct exec_program *program, int32_t id)
{
    const struct graph_tensor *tensor = &program->graph->tensors[id];
    if (!tensor->data || program->values[id].set)
        return PUM_OK;
    const struct host_tensor host = {tensor->desc, (void *)(uintptr_t)tensor->data};
    return exec_value_set_tensor(program->session->context, &program->values[id],
                                 exec_tensor_borrow(program->session->context, &host));
}

const struct exec_value *program_input(const struct exec_program *program,
                                       const struct graph_node *node, int32_t index)
{
    if (index >= node->input_count || node->inputs[index] < 0)
        return NULL;
    return &program->values[node->inputs[index]];
}

struct exec_value *program_output(struct exec_program *program, const struct graph_node *node,
                                  int32_t index)
{
    if (index >= node->output_count || node->outputs[index] < 0)
        return NULL;
    return &program->values[node->outputs[index]];
}

/* --- Islands ---------------------------------------------------------------------------------- */

/* The node of the program's graph that a plan's need speaks of. */
static int32_t needy_node(const struct exec_program *program, const struct graph_need *need)
{
    if (need->tensor < 0 || need->tensor >= program->graph->tensor_count)
        return GRAPH_NONE;
    return program->graph->tensors[need->tensor].producer;
}

/* A plan needs a value: cut before the node if an island makes it, else the node becomes a step. */
static pum_status meet_need(struct exec_program *program, const struct graph_need *need)
{
    int32_t index = needy_node(program, need);
    if (index < 0)
        return PUM_E_UNSUPPORTED; /* the message is the rule's */
    const struct graph_node *node = &program->graph->nodes[index];
    int32_t producer = GRAPH_NONE;
    if (need->input >= 0 && need->input < node->input_count && node->inputs[need->input] >= 0)
        producer = program->graph->tensors[node->inputs[need->input]].producer;
    if (producer < 0 || program->is_step[producer] || program_is_cut(program, index, need->input)) {
        if (program->is_step[index])
            return PUM_E_UNSUPPORTED;
        program->is_step[index] = true;
    } else {
        PUM_TRY(pum_grow(program->session->context, &program->cuts, &program->cut_capacity,
                         program->cut_count, sizeof *program->cuts));
        program->cuts[program->cut_count++] = (struct program_cut){index, need->input};
    }
    program->built = false;
    return PROGRAM_AGAIN;
}

/* Everything that reads `id` becomes a step: it turned out to be no tensor that plans can hold. */
static pum_status move_users_out(struct exec_program *program, int32_t id)
{
    for (int32_t n = 0; n < program->graph->node_count; n++) {
        const struct graph_node *node = &program->graph->nodes[n];
        for (int32_t i = 0; node->op >= 0 && i < node->input_count; i++) {
            if (node->inputs[i] == id)
                program->is_step[n] = true;
        }
    }
    program->built = false;
    return PROGRAM_AGAIN;
}

static pum_status give_inputs(struct exec_program *program, struct pum_session *island)
{
    for (int32_t i = 0; i < island->graph->input_count; i++) {
        int32_t id = island->graph->inputs[i];
        const struct exec_value *value = &program->values[id];
        const struct host_tensor *tensor = exec_value_tensor(value);
        if (!value->set)
            return pum_fail(PUM_E_INTERNAL, "tensor '%s' was not computed",
                            program->graph->tensors[id].name);
        if (!tensor || tensor->desc.dtype == PUM_DTYPE_STRING)
            return move_users_out(program, id);
        PUM_TRY(exec_lend_input(island, i, tensor));
    }
    return PUM_OK;
}

static pum_status take_outputs(struct exec_program *program, const struct program_part *part)
{
    pum_context *context = program->session->context;
    struct pum_session *island = part->island;
    for (int32_t i = 0; i < island->graph->output_count; i++) {
        pum_tensor out;
        PUM_TRY(pum_session_get_output(island, i, &out));
        const struct host_tensor host = {{out.dtype, shape_of(out.rank, out.dims)}, out.data};
        PUM_TRY(exec_value_set_tensor(context, &program->values[part->outputs[i]],
                                      exec_tensor_copy(context, &host)));
    }
    return PUM_OK;
}

static pum_status run_island(struct exec_program *program, struct program_part *part)
{
    struct pum_session *island = part->island;
    PUM_TRY(give_inputs(program, island));
    pum_status status = pum_session_run(island);
    if (status == OP_NEEDS_DATA)
        return meet_need(program, &island->need);
    PUM_TRY(status);
    return take_outputs(program, part);
}

/* --- The run ---------------------------------------------------------------------------------- */

static pum_status run_step(struct exec_program *program, struct program_part *part)
{
    const struct graph_node *node = &program->graph->nodes[part->node];
    for (int32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0)
            PUM_TRY(ensure_constant(program, node->inputs[i]));
    }
    pum_status status = program_step(program, part);
    if (status != PUM_OK && status != PROGRAM_AGAIN && status != PUM_E_CANCELLED)
        return pum_fail_prefix(status, "node '%s' (%s)", node->name, op_rows[node->op].name);
    return status;
}

static pum_status run_parts(struct exec_program *program)
{
    for (int32_t i = 0; i < program->part_count; i++) {
        struct program_part *part = &program->parts[i];
        PUM_TRY(program_check(program));
        PUM_TRY(part->island ? run_island(program, part) : run_step(program, part));
    }
    return PUM_OK;
}

static pum_status set_inputs(struct exec_program *program, const struct exec_value *inputs,
                             int32_t input_count)
{
    const struct pum_graph *graph = program->graph;
    if (input_count != graph->input_count)
        return pum_fail(PUM_E_FORMAT, "a body takes %d values and is given %d", graph->input_count,
                        input_count);
    clear_values(program);
    for (int32_t i = 0; i < input_count; i++)
        PUM_TRY(exec_value_share(program->session->context, &program->values[graph->inputs[i]],
                                 &inputs[i]));
    return PUM_OK;
}

static pum_status give_outputs(struct exec_program *program, struct exec_value *outputs,
                               int32_t output_count)
{
    const struct pum_graph *graph = program->graph;
    if (output_count > graph->output_count)
        return pum_fail(PUM_E_FORMAT, "a body gives %d values, %d are wanted", graph->output_count,
                        output_count);
    for (int32_t i = 0; i < output_count; i++) {
        int32_t id = graph->outputs[i];
        PUM_TRY(ensure_constant(program, id));
        if (!program->values[id].set)
            return pum_fail(PUM_E_INTERNAL, "output '%s' was not computed", graph->output_names[i]);
        PUM_TRY(exec_value_share(program->session->context, &outputs[i], &program->values[id]));
    }
    return PUM_OK;
}

/* In a loop, values that change with each turn would mean a plan each turn. */
static void calm_islands(struct exec_program *program)
{
    for (int32_t i = 0; program->depth > 0 && i < program->part_count; i++) {
        struct pum_session *island = program->parts[i].island;
        if (!island || island->value_plans < MAX_VALUE_PLANS)
            continue;
        for (int32_t k = 0; k < island->bound_need_count; k++) {
            int32_t node = needy_node(program, &island->bound_needs[k]);
            if (node >= 0)
                program->is_step[node] = true;
        }
        program->built = false;
    }
}

pum_status program_run(struct exec_program *program, const struct exec_value *inputs,
                       int32_t input_count, struct exec_value *outputs, int32_t output_count)
{
    pum_status status = PROGRAM_AGAIN;
    for (int32_t i = 0; status == PROGRAM_AGAIN && i < MAX_STARTS; i++) {
        status = program->built ? PUM_OK : program_partition(program);
        if (status == PUM_OK)
            status = set_inputs(program, inputs, input_count);
        if (status == PUM_OK)
            status = run_parts(program);
    }
    if (status == PUM_OK)
        status = give_outputs(program, outputs, output_count);
    clear_values(program);
    if (status == PUM_OK)
        calm_islands(program);
    return status == PROGRAM_AGAIN ? pum_fail(PUM_E_INTERNAL, "the graph cannot be cut") : status;
}
