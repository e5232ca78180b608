/* SPDX-License-Identifier: MIT
 *
 * partition.c - cuts a program's graph into islands and steps. Every node gets a level: an island
 * holds the plain nodes of one level, and steps of that level follow it. What a step gives, and a
 * value that must be known first (a cut), is there from the next level on. Tests:
 * tests/exec/test_program.c.
 */
#include "exec/program.h"

#include "passes/passes.h"

#include <string.h>

struct partition {
    struct exec_program *program;
    int32_t *node_level;
    int32_t *tensor_level; /* the first level that may use it */
    int32_t level_count;
    int32_t *ports; /* scratch: inputs, then outputs of an island */
    bool *used;     /* scratch by tensor */
};

static bool node_is_step(const struct graph_node *node)
{
    if (node->op == OP_IF)
        return !pass_if_is_plain(node);
    return op_rows[node->op].lowering->dynamic;
}

/* Lists, optionals and strings stay outside of plans, so their users do. */
static bool uses_other_than_tensors(const struct pum_graph *graph, const struct graph_node *node)
{
    for (int32_t i = 0; i < node->input_count; i++) {
        const struct graph_tensor *tensor = graph_input_of(graph, node, i);
        if (tensor && (tensor->kind != PUM_VALUE_TENSOR || tensor->desc.dtype == PUM_DTYPE_STRING))
            return true;
    }
    return false;
}

bool program_is_needed(const struct pum_graph *graph)
{
    for (int32_t n = 0; n < graph->node_count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        if (node->op >= 0 && (node_is_step(node) || uses_other_than_tensors(graph, node)))
            return true;
    }
    for (int32_t i = 0; i < graph->input_count; i++) {
        const struct graph_tensor *tensor = &graph->tensors[graph->inputs[i]];
        if (tensor->kind != PUM_VALUE_TENSOR || tensor->desc.dtype == PUM_DTYPE_STRING)
            return true;
    }
    for (int32_t i = 0; i < graph->output_count; i++) {
        if (graph->tensors[graph->outputs[i]].desc.dtype == PUM_DTYPE_STRING)
            return true;
    }
    return false;
}

bool program_is_cut(const struct exec_program *program, int32_t node, int32_t input)
{
    for (int32_t i = 0; i < program->cut_count; i++) {
        if (program->cuts[i].node == node && program->cuts[i].input == input)
            return true;
    }
    return false;
}

/* A cut input that an island of level L computes is known from L + 1 on. */
static void set_levels(struct partition *p)
{
    const struct pum_graph *graph = p->program->graph;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        int32_t level = 0;
        if (node->op < 0)
            continue;
        for (int32_t i = 0; i < node->input_count; i++) {
            const struct graph_tensor *tensor = graph_input_of(graph, node, i);
            if (!tensor || tensor->data)
                continue;
            int32_t needed = p->tensor_level[node->inputs[i]];
            bool from_island = tensor->producer >= 0 && !p->program->is_step[tensor->producer];
            if (from_island && program_is_cut(p->program, n, i))
                needed++;
            if (needed > level)
                level = needed;
        }
        p->node_level[n] = level;
        for (int32_t i = 0; i < node->output_count; i++) {
            if (node->outputs[i] >= 0)
                p->tensor_level[node->outputs[i]] = level + p->program->is_step[n];
        }
        if (level >= p->level_count)
            p->level_count = level + 1;
    }
}

static bool in_island(const struct partition *p, int32_t node, int32_t level)
{
    return node >= 0 && p->program->graph->nodes[node].op >= 0 && p->node_level[node] == level &&
           !p->program->is_step[node];
}

static int32_t collect_inputs(struct partition *p, int32_t level, int32_t *inputs)
{
    const struct pum_graph *graph = p->program->graph;
    int32_t count = 0;
    memset(p->used, 0, (size_t)graph->tensor_count * sizeof *p->used);
    for (int32_t n = 0; n < graph->node_count; n++) {
        if (!in_island(p, n, level))
            continue;
        for (int32_t i = 0; i < graph->nodes[n].input_count; i++) {
            int32_t id = graph->nodes[n].inputs[i];
            if (id < 0 || p->used[id] || graph->tensors[id].data ||
                in_island(p, graph->tensors[id].producer, level))
                continue;
            p->used[id] = true;
            inputs[count++] = id;
        }
    }
    return count;
}

/* What others read of the island. */
static int32_t collect_outputs(struct partition *p, int32_t level, int32_t *outputs)
{
    const struct pum_graph *graph = p->program->graph;
    int32_t count = 0;
    memset(p->used, 0, (size_t)graph->tensor_count * sizeof *p->used);
    for (int32_t n = 0; n < graph->node_count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        if (node->op < 0 || in_island(p, n, level))
            continue;
        for (int32_t i = 0; i < node->input_count; i++) {
            if (node->inputs[i] >= 0)
                p->used[node->inputs[i]] = true;
        }
    }
    for (int32_t i = 0; i < graph->output_count; i++)
        p->used[graph->outputs[i]] = true;
    for (int32_t id = 0; id < graph->tensor_count; id++) {
        if (p->used[id] && in_island(p, graph->tensors[id].producer, level))
            outputs[count++] = id;
    }
    return count;
}

static pum_status add_part(struct exec_program *program, struct program_part **out_part)
{
    PUM_TRY(pum_grow(program->session->context, &program->parts, &program->part_capacity,
                     program->part_count, sizeof *program->parts));
    *out_part = &program->parts[program->part_count++];
    **out_part = (struct program_part){.node = GRAPH_NONE};
    return PUM_OK;
}

/* Passes may replace an island's outputs by equal tensors, so their numbers are kept here. */
static pum_status keep_outputs(struct exec_program *program, struct program_part *part,
                               const int32_t *outputs, int32_t count)
{
    part->outputs = pum_alloc(program->session->context, (size_t)count, sizeof *part->outputs);
    if (!part->outputs)
        return PUM_E_MEMORY;
    memcpy(part->outputs, outputs, (size_t)count * sizeof *outputs);
    return PUM_OK;
}

static pum_status make_island(struct partition *p, int32_t level)
{
    struct exec_program *program = p->program;
    struct pum_graph *graph = program->graph, *clone;
    int32_t input_count = collect_inputs(p, level, p->ports);
    int32_t *outputs = p->ports + input_count;
    int32_t output_count = collect_outputs(p, level, outputs);
    if (output_count == 0)
        return PUM_OK;
    pum_status status;
    PUM_TRY(graph_clone(graph, &clone));
    for (int32_t n = 0; n < graph->node_count; n++) {
        if (clone->nodes[n].op >= 0 && !in_island(p, n, level))
            graph_remove_node(clone, n);
    }
    struct program_part *part;
    PUM_TRY_GOTO(graph_set_ports(clone, p->ports, input_count, outputs, output_count), end);
    PUM_TRY_GOTO(graph_prune(clone), end);
    PUM_TRY_GOTO(add_part(program, &part), end);
    pum_session_params params = {.max_plans = program->session->max_plans,
                                 .profile = program->session->profile};
    status = exec_session_create(program->session->device, clone, &params, &program->session->caps,
                                 true, &part->island);
    if (status == PUM_OK)
        status = keep_outputs(program, part, outputs, output_count);
end:
    graph_release(&clone);
    return status;
}

static pum_status make_parts(struct partition *p)
{
    struct exec_program *program = p->program;
    const struct pum_graph *graph = program->graph;
    for (int32_t level = 0; level < p->level_count; level++) {
        PUM_TRY(make_island(p, level));
        for (int32_t n = 0; n < graph->node_count; n++) {
            struct program_part *part;
            if (graph->nodes[n].op < 0 || p->node_level[n] != level || !program->is_step[n])
                continue;
            PUM_TRY(add_part(program, &part));
            part->node = n;
        }
    }
    return PUM_OK;
}

static pum_status find_steps(struct exec_program *program)
{
    const struct pum_graph *graph = program->graph;
    if (program->is_step)
        return PUM_OK;
    program->is_step = pum_alloc(program->session->context, (size_t)graph->node_count + 1,
                                 sizeof *program->is_step);
    if (!program->is_step)
        return PUM_E_MEMORY;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const struct graph_node *node = &graph->nodes[n];
        program->is_step[n] =
            node->op >= 0 && (node_is_step(node) || uses_other_than_tensors(graph, node));
    }
    return PUM_OK;
}

pum_status program_partition(struct exec_program *program)
{
    pum_context *context = program->session->context;
    size_t nodes = (size_t)program->graph->node_count + 1;
    size_t tensors = (size_t)program->graph->tensor_count + 1;
    program_drop_parts(program);
    PUM_TRY(find_steps(program));
    struct partition p = {.program = program};
    p.node_level = pum_alloc(context, nodes, sizeof *p.node_level);
    p.tensor_level = pum_alloc(context, tensors, sizeof *p.tensor_level);
    p.ports = pum_alloc(context, 2 * tensors, sizeof *p.ports);
    p.used = pum_alloc(context, tensors, sizeof *p.used);
    pum_status status = PUM_E_MEMORY;
    if (p.node_level && p.tensor_level && p.ports && p.used) {
        set_levels(&p);
        status = make_parts(&p);
    }
    pum_free(context, p.node_level);
    pum_free(context, p.tensor_level);
    pum_free(context, p.ports);
    pum_free(context, p.used);
    program->built = status == PUM_OK;
    return status;
}

void program_drop_parts(struct exec_program *program)
{
    for (int32_t i = 0; i < program->part_count; i++) {
        struct program_part *part = &program->parts[i];
        pum_session_destroy(&part->island);
        pum_free(program->session->context, part->outputs);
        program_destroy(&part->bodies[0]);
        program_destroy(&part->bodies[1]);
    }
    program->part_count = 0;
    program->built = false;
}
