/* SPDX-License-Identifier: MIT
 *
 * fuse_chains.c - elementwise nodes fold into the kernel before them: bias, activation, residual,
 * scale. A node joins its producer when it is the producer's only user, keeps its shape and type,
 * and the chain has room. The fused node stands where the joined node stood, so that the chain's
 * operands are computed before it. Tests: tests/passes/test_fuse.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

#include "ops/chain.h"

#include <string.h>

/* What joining `user` to `head` amounts to. */
struct chain_join {
    int32_t head;    /* node index */
    int32_t operand; /* tensor id, or GRAPH_NONE */
    struct op_chain_step steps[2];
    int32_t step_count;
};

static bool is_chain_type(enum pum_dtype dtype)
{
    return dtype == PUM_DTYPE_F32 || dtype == PUM_DTYPE_F16 || dtype == PUM_DTYPE_BF16;
}

/* A node that takes a chain on output 0 and whose other outputs nobody wants. */
static bool is_chain_head(const struct graph_node *node)
{
    if (node->op < 0 || !op_rows[node->op].lowering->chain)
        return false;
    for (int32_t i = 1; i < node->output_count; i++) {
        if (node->outputs[i] >= 0)
            return false;
    }
    return true;
}

static bool chain_has_room(const struct graph_node *head, const struct chain_join *join)
{
    int32_t steps = join->step_count, operands = join->operand >= 0;
    steps += chain_own_steps(head->op);
    operands += chain_own_operands(head->op);
    if (head->chain) {
        steps += head->chain->step_count;
        operands += head->chain->operand_count;
    }
    return steps <= CHAIN_MAX_STEPS && operands <= CHAIN_MAX_OPERANDS;
}

static bool join_through(const struct match *match, const struct graph_node *user, int32_t input,
                         struct chain_join *join)
{
    struct pum_graph *graph = match->graph;
    int32_t tensor = user->inputs[input];
    if (tensor < 0 || match_uses(match, tensor) != 1)
        return false;
    join->head = graph->tensors[tensor].producer;
    if (join->head < 0 || !is_chain_head(&graph->nodes[join->head]))
        return false;
    const struct tensor_desc *in = &graph->tensors[tensor].desc;
    const struct tensor_desc *out = &graph->tensors[user->outputs[0]].desc;
    uint32_t mode, div, mod;
    if (in->dtype != out->dtype || !is_chain_type(in->dtype) ||
        !shape_equal(&in->shape, &out->shape) ||
        !chain_steps_of_node(graph, user, input, join->steps, &join->step_count, &join->operand))
        return false;
    if (join->operand >= 0) {
        const struct tensor_desc *operand = &graph->tensors[join->operand].desc;
        if (operand->dtype != out->dtype ||
            !chain_operand_mode(&out->shape, &operand->shape, &mode, &div, &mod))
            return false;
    }
    return chain_has_room(&graph->nodes[join->head], join);
}

/* The join through the input that is computed last, so that as little as possible moves. */
static bool find_join(const struct match *match, int32_t index, struct chain_join *best)
{
    const struct graph_node *user = &match->graph->nodes[index];
    bool found = false;
    for (int32_t i = 0; i < user->input_count; i++) {
        struct chain_join join = {0};
        if (join_through(match, user, i, &join) && (!found || join.head > best->head)) {
            *best = join;
            found = true;
        }
    }
    return found;
}

static struct op_chain *longer_chain(struct pum_graph *graph, const struct graph_node *head,
                                     const struct chain_join *join)
{
    struct op_chain *chain = base_arena_alloc(&graph->arena, 1, sizeof *chain);
    if (!chain)
        return NULL;
    if (head->chain)
        *chain = *head->chain;
    for (int32_t i = 0; i < join->step_count; i++) {
        struct op_chain_step step = join->steps[i];
        if (step.operand > 0)
            step.operand = chain->operand_count + 1;
        chain->steps[chain->step_count++] = step;
    }
    chain->operand_count += join->operand >= 0;
    return chain;
}

static pum_status apply_join(struct pum_graph *graph, int32_t index, const struct chain_join *join)
{
    struct graph_node head = graph->nodes[join->head];
    struct graph_node *user = &graph->nodes[index];
    const char *user_name = op_rows[user->op].name;
    const struct op_chain *user_chain = user->chain;
    if (user_chain)
        return pum_fail(PUM_E_INTERNAL, "node '%s' has a chain already", user->name);
    struct op_chain *chain = longer_chain(graph, &head, join);
    int32_t count = head.input_count + (join->operand >= 0);
    int32_t *inputs = base_arena_alloc(&graph->arena, (size_t)count + 1, sizeof *inputs);
    int32_t *outputs = base_arena_alloc(&graph->arena, 1, sizeof *outputs);
    if (!chain || !inputs || !outputs)
        return PUM_E_MEMORY;
    if (head.input_count > 0)
        memcpy(inputs, head.inputs, (size_t)head.input_count * sizeof *inputs);
    if (join->operand >= 0)
        inputs[head.input_count] = join->operand;
    outputs[0] = user->outputs[0];
    graph_remove_node(graph, join->head);
    head.inputs = inputs;
    head.input_count = count;
    head.outputs = outputs;
    head.output_count = 1;
    head.chain = chain;
    head.chain_inputs = chain->operand_count;
    graph->nodes[index] = head;
    graph->tensors[outputs[0]].producer = index;
    return graph_note_fused(graph, index, user_name);
}

pum_status pass_fuse_chains(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < graph->node_count && status == PUM_OK; i++) {
        struct chain_join join = {0};
        const struct graph_node *node = &graph->nodes[i];
        if (node->op >= 0 && !node->chain && node->output_count == 1 && find_join(&match, i, &join))
            status = apply_join(graph, i, &join);
    }
    match_end(&match);
    return status == PUM_OK ? graph_prune(graph) : status;
}
