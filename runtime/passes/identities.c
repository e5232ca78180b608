/* SPDX-License-Identifier: MIT
 *
 * identities.c - drops operators that give back their input: x*1, x+0, x-0, x/1, pow(x,1), and
 * reshapes, transposes and casts to what is there already; squares written as powers become
 * products. Works on inferred shapes.
 * Tests: tests/passes/test_fuse.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

/* Whether `op` leaves x as it is when its other input is `value`, the second one if `second`. */
static bool scalar_is_neutral(int32_t op, double value, bool second)
{
    switch (op) {
    case OP_ADD:
        return value == 0;
    case OP_MUL:
        return value == 1;
    case OP_SUB:
        return second && value == 0;
    case OP_DIV:
    case OP_POW:
        return second && value == 1;
    default:
        return false;
    }
}

static bool is_plain_order(const struct graph_node *node, int32_t rank)
{
    int32_t count = 0;
    const int64_t *perm = node_ints(node, "perm", &count);
    if (!perm)
        return rank <= 1;
    for (int32_t i = 0; i < count; i++) {
        if (perm[i] != i)
            return false;
    }
    return true;
}

/* The input that the node gives back unchanged, or GRAPH_NONE. */
static int32_t unchanged_input(const struct match *match, const struct graph_node *node)
{
    double value;
    int32_t other;
    switch (node->op) {
    case OP_ADD:
    case OP_MUL:
    case OP_SUB:
    case OP_DIV:
    case OP_POW:
        if (!match_with_scalar(match, node, &other, &value))
            return GRAPH_NONE;
        return scalar_is_neutral(node->op, value, other == node->inputs[0]) ? other : GRAPH_NONE;
    case OP_TRANSPOSE:
        other = node->inputs[0];
        return is_plain_order(node, match_desc(match, other)->shape.rank) ? other : GRAPH_NONE;
    case OP_RESHAPE:
    case OP_FLATTEN:
    case OP_SQUEEZE:
    case OP_UNSQUEEZE:
    case OP_CAST:
    case OP_EXPAND:
    case OP_SLICE:
        /* Same type and shape, checked by the caller, means the same elements - but a slice with a
         * negative step may reverse them. */
        if (node->op == OP_SLICE && node->input_count > 4 && node->inputs[4] >= 0)
            return GRAPH_NONE;
        return node->inputs[0];
    default:
        return GRAPH_NONE;
    }
}

pum_status pass_drop_identities(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    for (int32_t i = 0; i < graph->node_count; i++) {
        const struct graph_node *node = &graph->nodes[i];
        if (node->op < 0 || node->chain || node->output_count != 1)
            continue;
        int32_t input = unchanged_input(&match, node);
        if (input < 0)
            continue;
        const struct tensor_desc *in = match_desc(&match, input);
        const struct tensor_desc *out = match_desc(&match, node->outputs[0]);
        /* A graph output needs a tensor of its own. */
        if (in->dtype != out->dtype || !shape_equal(&in->shape, &out->shape) ||
            graph_is_output(graph, node->outputs[0]))
            continue;
        int32_t output = node->outputs[0];
        match_remove(&match, i);
        match_replace(&match, output, input);
    }
    match_end(&match);
    return graph_prune(graph);
}

pum_status pass_square_powers(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < graph->node_count && status == PUM_OK; i++) {
        const struct graph_node *node = &graph->nodes[i];
        double exponent;
        if (node->op != OP_POW || node->chain || !match_scalar(&match, node->inputs[1], &exponent) ||
            exponent != 2)
            continue;
        /* Of one element: the exponent's rank may be the result's. */
        const struct tensor_desc *x = match_desc(&match, node->inputs[0]);
        if (!shape_equal(&x->shape, &match_desc(&match, node->outputs[0])->shape))
            continue;
        const int32_t inputs[2] = {node->inputs[0], node->inputs[0]};
        status = match_rewrite(&match, i, OP_MUL, inputs, 2, NULL, 0, "Pow");
    }
    match_end(&match);
    return status;
}
