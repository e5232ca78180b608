/* SPDX-License-Identifier: MIT
 *
 * fuse_norms.c - layer norm, RMS norm and softmax as exporters write them out become one operator
 * each. The pattern is anchored at its division (or product with a reciprocal); scale and bias that
 * follow are taken in when they are shaped like the normalised axes. Tests:
 * tests/passes/test_fuse.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

#include <string.h>

/* First of the trailing axes that `node` (a Reduce*) reduces with keepdims, or -1 when they are not
 * the trailing ones. */
static int32_t trailing_axes(const struct match *match, const struct graph_node *node)
{
    if (node_int(node, "keepdims", 1) == 0)
        return -1;
    int32_t rank = match_desc(match, node->inputs[0])->shape.rank;
    if (node->input_count < 2 || node->inputs[1] < 0)
        return node_int(node, "noop_with_empty_axes", 0) ? -1 : 0;
    const struct graph_tensor *axes = &match->graph->tensors[node->inputs[1]];
    if (!axes->data || axes->desc.dtype != PUM_DTYPE_I64)
        return -1;
    int64_t count = shape_elements(&axes->desc.shape);
    if (count < 1 || count > rank)
        return -1;
    uint32_t mask = 0;
    for (int64_t i = 0; i < count; i++) {
        int32_t axis;
        int64_t value;
        memcpy(&value, (const char *)axes->data + i * 8, 8);
        if (!shape_axis(value, rank, &axis))
            return -1;
        mask |= 1u << axis;
    }
    uint32_t wanted = ((1u << rank) - 1) & ~((1u << (rank - (int32_t)count)) - 1);
    return mask == wanted ? rank - (int32_t)count : -1;
}

/* `tensor` = x^2, as Pow or Mul. */
static bool is_square(const struct match *match, int32_t tensor, int32_t x)
{
    double exponent;
    const struct graph_node *node = match_producer(match, tensor, -1);
    if (!node || node->inputs[0] != x)
        return false;
    if (node->op == OP_POW)
        return match_scalar(match, node->inputs[1], &exponent) && exponent == 2;
    return node->op == OP_MUL && node->inputs[1] == x;
}

/* `tensor` = sqrt(mean(x^2) + epsilon); *axis is the first normalised axis. */
static bool is_root_mean_square(const struct match *match, int32_t tensor, int32_t x, int32_t *axis,
                                double *epsilon)
{
    const struct graph_node *sqrt = match_producer(match, tensor, OP_SQRT);
    if (!sqrt)
        return false;
    int32_t inner = sqrt->inputs[0];
    const struct graph_node *add = match_producer(match, inner, OP_ADD);
    *epsilon = 0;
    if (add && !match_with_scalar(match, add, &inner, epsilon))
        return false;
    const struct graph_node *mean = match_producer(match, inner, OP_REDUCEMEAN);
    if (!mean || !is_square(match, mean->inputs[0], x))
        return false;
    *axis = trailing_axes(match, mean);
    return *axis >= 0;
}

/* Whether `desc` is shaped like the axes of `x` from `axis` on (leading ones allowed). */
static bool is_shaped_like_tail(const struct tensor_desc *desc, const struct tensor_desc *x,
                                int32_t axis)
{
    int32_t tail = x->shape.rank - axis, extra = desc->shape.rank - tail;
    if (desc->dtype != x->dtype || extra < 0)
        return false;
    for (int32_t i = 0; i < desc->shape.rank; i++) {
        int64_t wanted = i < extra ? 1 : x->shape.dims[axis + i - extra];
        if (desc->shape.dims[i] != wanted)
            return false;
    }
    return true;
}

/* The only user of `tensor` if it is `op` with an operand shaped like the tail; its index, or -1.
 */
static int32_t tail_user(const struct match *match, int32_t tensor, int32_t op,
                         const struct tensor_desc *x, int32_t axis, int32_t *operand)
{
    int32_t user = graph_single_user(match->graph, tensor);
    if (user < 0 || match->graph->nodes[user].op != op ||
        !match_with_tensor(&match->graph->nodes[user], tensor, operand) ||
        !is_shaped_like_tail(match_desc(match, *operand), x, axis))
        return -1;
    return user;
}

/* A scale of ones for a norm without one. */
static int32_t ones_like_tail(struct match *match, const struct tensor_desc *x, int32_t axis)
{
    int64_t count = shape_product(&x->shape, axis, x->shape.rank);
    struct tensor_desc desc = {x->dtype, shape_of(x->shape.rank - axis, x->shape.dims + axis)};
    size_t bytes;
    if (!tensor_bytes(&desc, &bytes))
        return GRAPH_NONE;
    void *data = base_arena_alloc(&match->graph->arena, bytes ? bytes : 1, 1);
    if (!data)
        return GRAPH_NONE;
    struct host_tensor host = {desc, data};
    for (int64_t i = 0; i < count; i++)
        tensor_set_f64(&host, i, 1);
    return graph_add_constant(match->graph, "ones", &desc, data, bytes);
}

/* The operand without leading axes of size 1, as the norm's rule wants it. */
static int32_t tail_operand(struct match *match, int32_t operand, const struct tensor_desc *x,
                            int32_t axis)
{
    int32_t tail = x->shape.rank - axis;
    struct tensor_desc desc = *match_desc(match, operand);
    if (desc.shape.rank == tail)
        return operand;
    desc.shape = shape_of(tail, x->shape.dims + axis);
    struct tensor_desc list = {PUM_DTYPE_I64, shape_of(1, (int64_t[]){tail})};
    int32_t dims = graph_add_constant_copy(match->graph, "tail", &list, desc.shape.dims,
                                           (size_t)tail * sizeof(int64_t));
    const struct graph_tensor *constant = &match->graph->tensors[operand];
    if (constant->data)
        return graph_add_constant(match->graph, constant->name, &desc, constant->data,
                                  constant->data_bytes);
    return dims < 0 ? GRAPH_NONE
                    : match_insert(match, OP_RESHAPE, "tail", (int32_t[]){operand, dims}, 2, NULL,
                                   0, &desc);
}

/* x normalised by node `index`, then [* scale] [+ bias]: rewrites the last node of the pattern. */
static pum_status rewrite_norm(struct match *match, int32_t index, bool centred, int32_t x,
                               int32_t axis, double epsilon)
{
    struct pum_graph *graph = match->graph;
    struct tensor_desc desc = *match_desc(match, x);
    int32_t scale = GRAPH_NONE, bias = GRAPH_NONE, last = index;
    int32_t user = tail_user(match, graph->nodes[last].outputs[0], OP_MUL, &desc, axis, &scale);
    if (user >= 0)
        last = user;
    else
        scale = GRAPH_NONE;
    if (centred) {
        user = tail_user(match, graph->nodes[last].outputs[0], OP_ADD, &desc, axis, &bias);
        if (user >= 0)
            last = user;
        else
            bias = GRAPH_NONE;
    }
    scale =
        scale >= 0 ? tail_operand(match, scale, &desc, axis) : ones_like_tail(match, &desc, axis);
    if (bias >= 0 && (bias = tail_operand(match, bias, &desc, axis)) < 0)
        return PUM_E_MEMORY;
    if (scale < 0)
        return PUM_E_MEMORY;
    pum_attr attrs[2] = {
        {.name = "axis", .kind = PUM_ATTR_INT, .i = axis - desc.shape.rank},
        {.name = "epsilon", .kind = PUM_ATTR_FLOAT, .f = (float)epsilon},
    };
    int32_t inputs[3] = {x, scale, bias};
    return match_rewrite(match, last, centred ? OP_LAYERNORMALIZATION : OP_RMSNORMALIZATION, inputs,
                         bias >= 0 ? 3 : 2, attrs, 2, "pattern");
}

/* `tensor` = 1 / *out_denominator. */
static bool is_inverse(const struct match *match, int32_t tensor, int32_t *out_denominator)
{
    const struct graph_node *node = match_producer(match, tensor, -1);
    double one;
    if (node && node->op == OP_RECIPROCAL) {
        *out_denominator = node->inputs[0];
        return true;
    }
    if (!node || node->op != OP_DIV || !match_scalar(match, node->inputs[0], &one) || one != 1)
        return false;
    *out_denominator = node->inputs[1];
    return true;
}

/* Numerator and denominator of a division written as Div, or as Mul by an inverse. */
static bool quotient(const struct match *match, const struct graph_node *node, int32_t *numerator,
                     int32_t *denominator)
{
    if (node->op == OP_DIV) {
        *numerator = node->inputs[0];
        *denominator = node->inputs[1];
        return true;
    }
    for (int32_t i = 0; node->op == OP_MUL && i < 2; i++) {
        if (is_inverse(match, node->inputs[i], denominator)) {
            *numerator = node->inputs[1 - i];
            return true;
        }
    }
    return false;
}

/* exp(x - max(x)) / sum(exp(x - max(x))), the shift being optional. */
static pum_status fuse_softmax(struct match *match, int32_t index, int32_t numerator,
                               int32_t denominator)
{
    const struct graph_node *exp = match_producer(match, numerator, OP_EXP);
    const struct graph_node *sum = match_producer(match, denominator, OP_REDUCESUM);
    if (!exp || !sum || sum->inputs[0] != numerator)
        return PUM_OK;
    int32_t rank = match_desc(match, numerator)->shape.rank;
    if (trailing_axes(match, sum) != rank - 1)
        return PUM_OK;
    int32_t x = exp->inputs[0];
    const struct graph_node *sub = match_producer(match, x, OP_SUB);
    if (sub) {
        const struct graph_node *max = match_producer(match, sub->inputs[1], OP_REDUCEMAX);
        if (max && max->inputs[0] == sub->inputs[0] && trailing_axes(match, max) == rank - 1)
            x = sub->inputs[0];
    }
    pum_attr axis = {.name = "axis", .kind = PUM_ATTR_INT, .i = -1};
    return match_rewrite(match, index, OP_SOFTMAX, &x, 1, &axis, 1, "pattern");
}

static pum_status fuse_norm(struct match *match, int32_t index)
{
    struct pum_graph *graph = match->graph;
    const struct graph_node *node = &graph->nodes[index];
    int32_t numerator, denominator, axis, mean_axis;
    double epsilon;
    if (!quotient(match, node, &numerator, &denominator) || numerator < 0 || denominator < 0)
        return PUM_OK;
    const struct tensor_desc *in = match_desc(match, numerator);
    const struct tensor_desc *out = match_desc(match, node->outputs[0]);
    if (in->dtype != out->dtype || !shape_equal(&in->shape, &out->shape))
        return PUM_OK;
    if (!is_root_mean_square(match, denominator, numerator, &axis, &epsilon))
        return fuse_softmax(match, index, numerator, denominator);
    const struct graph_node *centre = match_producer(match, numerator, OP_SUB);
    if (centre) {
        int32_t x = centre->inputs[0];
        const struct graph_node *mean = match_producer(match, centre->inputs[1], OP_REDUCEMEAN);
        mean_axis = mean && mean->inputs[0] == x ? trailing_axes(match, mean) : -1;
        if (mean_axis == axis)
            return rewrite_norm(match, index, true, x, axis, epsilon);
    }
    return rewrite_norm(match, index, false, numerator, axis, epsilon);
}

pum_status pass_fuse_norms(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    int32_t count = graph->node_count; /* without what the pass inserts */
    for (int32_t i = 0; i < count && status == PUM_OK; i++) {
        int32_t op = graph->nodes[i].op;
        if ((op == OP_DIV || op == OP_MUL) && !graph->nodes[i].chain)
            status = fuse_norm(&match, i);
    }
    match_end(&match);
    if (status == PUM_OK)
        status = graph_sort(graph);
    return status == PUM_OK ? graph_prune(graph) : status;
}
