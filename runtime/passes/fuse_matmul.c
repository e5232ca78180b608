/* SPDX-License-Identifier: MIT
 *
 * fuse_matmul.c - a Transpose that swaps the last two axes becomes a flag of the MatMul that reads
 * it; the Add of a row vector after a MatMul becomes its bias. Tests: tests/passes/test_fuse.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

/* Whether the node swaps the last two axes and nothing else. */
static bool swaps_last_two(const struct graph_node *node, int32_t rank)
{
    int32_t count;
    const int64_t *perm = node_ints(node, "perm", &count);
    if (rank < 2)
        return false;
    if (!perm)
        return rank == 2;
    for (int32_t i = 0; i < count; i++) {
        int64_t wanted = i == rank - 1 ? rank - 2 : i == rank - 2 ? rank - 1 : i;
        if (perm[i] != wanted)
            return false;
    }
    return count == rank;
}

static pum_status take_transposes(struct match *match, int32_t index)
{
    struct pum_graph *graph = match->graph;
    for (int32_t side = 0; side < 2; side++) {
        const struct graph_node *node = &graph->nodes[index];
        const struct graph_node *move = match_producer(match, node->inputs[side], OP_TRANSPOSE);
        if (!move || !swaps_last_two(move, match_desc(match, node->inputs[side])->shape.rank))
            continue;
        const char *name = side == 0 ? "transA" : "transB";
        pum_attr flag = {.name = name, .kind = PUM_ATTR_INT, .i = !node_int(node, name, 0)};
        int32_t inputs[3] = {node->inputs[0], node->inputs[1],
                             node->input_count > 2 ? node->inputs[2] : GRAPH_NONE};
        inputs[side] = move->inputs[0];
        int32_t count = node->input_count;
        PUM_TRY(graph_set_attr(graph, index, &flag));
        PUM_TRY(graph_set_inputs(graph, index, inputs, count));
        PUM_TRY(graph_note_fused(graph, index, "Transpose"));
    }
    return PUM_OK;
}

/* Add(MatMul(a, b), vector of n): node `index` is the Add; it becomes the MatMul. */
static pum_status take_bias(struct match *match, int32_t index)
{
    struct pum_graph *graph = match->graph;
    const struct graph_node *add = &graph->nodes[index];
    for (int32_t i = 0; i < 2; i++) {
        int32_t product = add->inputs[i], bias = add->inputs[1 - i];
        const struct graph_node *matmul = match_producer(match, product, OP_MATMUL);
        if (!matmul || match_uses(match, product) != 1 || matmul->input_count > 2 || bias < 0)
            continue;
        const struct tensor_desc *out = match_desc(match, product);
        const struct tensor_desc *vector = match_desc(match, bias);
        if (out->shape.rank < 1 || vector->shape.rank != 1 || vector->dtype != out->dtype ||
            vector->shape.dims[0] != out->shape.dims[out->shape.rank - 1])
            continue;
        int32_t inputs[3] = {matmul->inputs[0], matmul->inputs[1], bias};
        return match_rewrite(match, index, OP_MATMUL, inputs, 3, matmul->attrs, matmul->attr_count,
                             "Add");
    }
    return PUM_OK;
}

pum_status pass_fuse_matmul(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < graph->node_count && status == PUM_OK; i++) {
        if (graph->nodes[i].op == OP_MATMUL)
            status = take_transposes(&match, i);
        else if (graph->nodes[i].op == OP_ADD && !graph->nodes[i].chain)
            status = take_bias(&match, i);
    }
    match_end(&match);
    return status == PUM_OK ? graph_prune(graph) : status;
}
