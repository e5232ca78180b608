/* SPDX-License-Identifier: MIT
 *
 * fuse_group_norm.c - group norm as exporters write it: InstanceNormalization, with a scale of ones
 * and a bias of zeros, of the channels reshaped into groups, back in the old shape, and then a
 * scale and a bias for each channel. Anchored at the Reshape back. Tests:
 * tests/passes/test_fuse_exports.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

#include <string.h>

static bool is_all(const struct match *match, int32_t tensor, double wanted)
{
    const struct graph_tensor *t = &match->graph->tensors[tensor];
    if (!t->data)
        return false;
    const struct host_tensor host = {t->desc, (void *)(uintptr_t)t->data};
    int64_t count = shape_elements(&t->desc.shape);
    for (int64_t i = 0; i < count; i++) {
        if (tensor_get_f64(&host, i) != wanted)
            return false;
    }
    return true;
}

/* Reshape(InstanceNormalization(Reshape(x))): gives x, the groups and epsilon. */
static bool match_groups(const struct match *match, const struct graph_node *back, int32_t *out_x,
                         int64_t *out_groups, float *out_epsilon)
{
    const struct graph_node *norm =
        match_producer(match, back->inputs[0], OP_INSTANCENORMALIZATION);
    if (!norm || match_uses(match, back->inputs[0]) != 1 || !is_all(match, norm->inputs[1], 1) ||
        !is_all(match, norm->inputs[2], 0))
        return false;
    const struct graph_node *apart = match_producer(match, norm->inputs[0], OP_RESHAPE);
    if (!apart)
        return false;
    const struct shape *x = &match_desc(match, apart->inputs[0])->shape;
    const struct shape *rows = &match_desc(match, norm->inputs[0])->shape;
    if (x->rank < 3 || rows->rank < 3 || rows->dims[0] != x->dims[0] || rows->dims[1] < 1 ||
        x->dims[1] % rows->dims[1] != 0 ||
        !shape_equal(x, &match_desc(match, back->outputs[0])->shape))
        return false;
    *out_x = apart->inputs[0];
    *out_groups = rows->dims[1];
    *out_epsilon = node_float(norm, "epsilon", 1e-5f);
    return true;
}

/* The only user of `tensor`, if it is `op` with a constant for each channel; its index, or -1. */
static int32_t channel_user(const struct match *match, int32_t tensor, int32_t op,
                            const struct tensor_desc *x, int32_t *out_operand)
{
    int32_t user = graph_single_user(match->graph, tensor), operand;
    if (user < 0 || match->graph->nodes[user].op != op || match->graph->nodes[user].chain ||
        !match_with_tensor(&match->graph->nodes[user], tensor, &operand))
        return -1;
    const struct graph_tensor *constant = &match->graph->tensors[operand];
    const struct shape *shape = &constant->desc.shape;
    int64_t channels = x->shape.dims[1];
    int32_t axis = shape->rank - (x->shape.rank - 1); /* of channels in the constant */
    if (!constant->data || constant->desc.dtype != x->dtype || axis < 0 ||
        shape->rank > x->shape.rank || shape->dims[axis] != channels ||
        shape_elements(shape) != channels)
        return -1;
    *out_operand = operand;
    return user;
}

/* A constant [channels]: the operand's own data, or `value` everywhere. */
static int32_t channel_constant(struct match *match, int32_t operand, const struct tensor_desc *x,
                                double value)
{
    struct pum_graph *graph = match->graph;
    const struct tensor_desc desc = {x->dtype, shape_of(1, &x->shape.dims[1])};
    size_t bytes;
    if (!tensor_bytes(&desc, &bytes))
        return GRAPH_NONE;
    if (operand >= 0)
        return graph_add_constant(graph, graph->tensors[operand].name, &desc,
                                  graph->tensors[operand].data, bytes);
    void *data = base_arena_alloc(&graph->arena, bytes ? bytes : 1, 1);
    if (!data)
        return GRAPH_NONE;
    struct host_tensor host = {desc, data};
    for (int64_t i = 0; i < desc.shape.dims[0]; i++)
        tensor_set_f64(&host, i, value);
    return graph_add_constant(graph, "channels", &desc, data, bytes);
}

static pum_status fuse_group_norm(struct match *match, int32_t index)
{
    struct pum_graph *graph = match->graph;
    int32_t x, scale = GRAPH_NONE, bias = GRAPH_NONE, last = index, user;
    int64_t groups;
    float epsilon;
    if (!match_groups(match, &graph->nodes[index], &x, &groups, &epsilon))
        return PUM_OK;
    const struct tensor_desc desc = *match_desc(match, x);
    user = channel_user(match, graph->nodes[last].outputs[0], OP_MUL, &desc, &scale);
    last = user >= 0 ? user : last;
    user = channel_user(match, graph->nodes[last].outputs[0], OP_ADD, &desc, &bias);
    last = user >= 0 ? user : last;
    int32_t inputs[3] = {x, channel_constant(match, scale, &desc, 1),
                         channel_constant(match, bias, &desc, 0)};
    if (inputs[1] < 0 || inputs[2] < 0)
        return PUM_E_MEMORY;
    const pum_attr attrs[2] = {
        {.name = "num_groups", .kind = PUM_ATTR_INT, .i = groups},
        {.name = "epsilon", .kind = PUM_ATTR_FLOAT, .f = epsilon},
    };
    return match_rewrite(match, last, OP_GROUPNORMALIZATION, inputs, 3, attrs, 2, "pattern");
}

pum_status pass_fuse_group_norms(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < graph->node_count && status == PUM_OK; i++) {
        if (graph->nodes[i].op == OP_RESHAPE)
            status = fuse_group_norm(&match, i);
    }
    match_end(&match);
    return status == PUM_OK ? graph_prune(graph) : status;
}
