/* SPDX-License-Identifier: MIT
 *
 * identities.c - drops operators that give back their input: x*1, x+0, x-0, x/1, pow(x,1), and
 * reshapes, transposes and casts to what is there already, Where with a condition that is the same
 * everywhere, the reshapes around an old Softmax; squares written as powers become products. Works
 * on inferred shapes.
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

/* The input that Where takes everywhere, or GRAPH_NONE. */
static int32_t chosen_input(const struct match *match, const struct graph_node *node)
{
    const struct graph_tensor *condition = &match->graph->tensors[node->inputs[0]];
    const uint8_t *flags = condition->data;
    if (!flags || condition->data_bytes == 0)
        return GRAPH_NONE;
    for (size_t i = 1; i < condition->data_bytes; i++) {
        if ((flags[i] != 0) != (flags[0] != 0))
            return GRAPH_NONE;
    }
    return node->inputs[flags[0] != 0 ? 1 : 2];
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
    case OP_WHERE:
        return chosen_input(match, node);
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

/* Softmax of a tensor flattened to rows, back in its shape: before opset 13 that is what Softmax
 * means, and the reader, without shapes, writes it out. */
static pum_status open_softmax(struct match *match, int32_t index)
{
    const struct graph_node *back = &match->graph->nodes[index];
    const struct graph_node *softmax = match_producer(match, back->inputs[0], -1);
    if (!softmax || (softmax->op != OP_SOFTMAX && softmax->op != OP_LOGSOFTMAX) ||
        match_uses(match, back->inputs[0]) != 1)
        return PUM_OK;
    int32_t flat = softmax->inputs[0], axis, op = softmax->op;
    const struct graph_node *flatten = match_producer(match, flat, -1);
    if (!flatten || (flatten->op != OP_FLATTEN && flatten->op != OP_RESHAPE))
        return PUM_OK;
    int32_t x = flatten->inputs[0];
    const struct shape *rows = &match_desc(match, flat)->shape;
    const struct shape *shape = &match_desc(match, x)->shape;
    if (rows->rank < 1 || shape->rank < 1 ||
        !shape_axis(node_int(softmax, "axis", -1), rows->rank, &axis) || axis != rows->rank - 1 ||
        rows->dims[axis] != shape->dims[shape->rank - 1] ||
        !shape_equal(shape, &match_desc(match, back->outputs[0])->shape))
        return PUM_OK;
    const pum_attr last = {.name = "axis", .kind = PUM_ATTR_INT, .i = -1};
    return match_rewrite(match, index, op, &x, 1, &last, 1, "pattern");
}

pum_status pass_drop_identities(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < graph->node_count && status == PUM_OK; i++) {
        const struct graph_node *node = &graph->nodes[i];
        if (node->op < 0 || node->chain || node->output_count != 1)
            continue;
        if (node->op == OP_RESHAPE)
            status = open_softmax(&match, i);
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
    return status == PUM_OK ? graph_prune(graph) : status;
}

pum_status pass_square_powers(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < graph->node_count && status == PUM_OK; i++) {
        const struct graph_node *node = &graph->nodes[i];
        double exponent;
        if (node->op != OP_POW || node->chain ||
            !match_scalar(&match, node->inputs[1], &exponent) || exponent != 2)
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
