/* SPDX-License-Identifier: MIT
 *
 * fold_conv.c - what scales or shifts a convolution's channels by constants becomes part of its
 * weights and bias: BatchNormalization, and Mul, Div, Add, Sub by a scalar or a [C,1,1] constant.
 * A Gemm's columns are channels, too.
 * Runs once a session, before shapes are known: the weight's rank gives the output's. Only float32
 * (rounding scaled half weights would cost precision). Tests: tests/passes/test_fuse.c.
 */
#include "passes/match.h"
#include "passes/passes.h"

#include <math.h>
#include <string.h>

/* y = x * scale[c] + shift[c]; arrays of `channels`. */
struct channel_affine {
    int64_t channels;
    double *scale, *shift;
};

static bool is_f32_constant(const struct match *match, int32_t tensor)
{
    return tensor >= 0 && match->graph->tensors[tensor].data &&
           match_desc(match, tensor)->dtype == PUM_DTYPE_F32;
}

static double constant_at(const struct match *match, int32_t tensor, int64_t index)
{
    return ((const float *)match->graph->tensors[tensor].data)[index];
}

/* Columns of a Gemm's result, 0 unless it is x W + b with b for each column. */
static int64_t gemm_channels(const struct match *match, const struct graph_node *gemm)
{
    const struct shape *weight = &match_desc(match, gemm->inputs[1])->shape;
    if (weight->rank != 2 || node_float(gemm, "alpha", 1) != 1 || node_float(gemm, "beta", 1) != 1)
        return 0;
    int64_t columns = weight->dims[node_int(gemm, "transB", 0) ? 0 : 1];
    int32_t bias = gemm->input_count > 2 ? gemm->inputs[2] : GRAPH_NONE;
    if (bias >= 0) {
        const struct shape *shape = &match_desc(match, bias)->shape;
        if (shape->rank < 1 || shape->dims[shape->rank - 1] != columns ||
            shape_elements(shape) != columns)
            return 0;
    }
    return columns;
}

/* Output channels of a Gemm, a Conv or ConvTranspose with a usable constant weight and bias, else
 * 0. */
static int64_t conv_channels(const struct match *match, const struct graph_node *conv)
{
    if (!is_f32_constant(match, conv->inputs[1]))
        return 0;
    if (conv->input_count > 2 && conv->inputs[2] >= 0 && !is_f32_constant(match, conv->inputs[2]))
        return 0;
    const struct shape *weight = &match_desc(match, conv->inputs[1])->shape;
    int64_t groups = node_int(conv, "group", 1);
    if (conv->op == OP_GEMM)
        return gemm_channels(match, conv);
    if (weight->rank < 3 || groups < 1)
        return 0;
    int64_t channels = weight->dims[0];
    if (conv->op == OP_CONVTRANSPOSE) {
        if (weight->dims[0] % groups != 0 || weight->dims[1] > INT32_MAX / groups)
            return 0;
        channels = weight->dims[1] * groups;
    }
    if (conv->input_count > 2 && conv->inputs[2] >= 0 &&
        shape_elements(&match_desc(match, conv->inputs[2])->shape) != channels)
        return 0;
    return channels;
}

/* A constant that is one number, or one a channel: [C,1,1] against a result of `rank` axes. */
static bool is_per_channel(const struct match *match, int32_t tensor, int32_t rank,
                           int64_t channels)
{
    if (!is_f32_constant(match, tensor))
        return false;
    const struct shape *shape = &match_desc(match, tensor)->shape;
    if (shape->rank > rank)
        return false;
    int64_t count = shape_elements(shape);
    if (count == 1)
        return true;
    int32_t axis = shape->rank - rank + 1; /* where the channel axis lies in the constant */
    return axis >= 0 && count == channels && shape->dims[axis] == channels;
}

static double channel_value(const struct match *match, int32_t tensor, int64_t channel)
{
    bool single = shape_elements(&match_desc(match, tensor)->shape) == 1;
    return constant_at(match, tensor, single ? 0 : channel);
}

static bool affine_of_batch_norm(const struct match *match, const struct graph_node *node,
                                 struct channel_affine *affine)
{
    if (node->input_count != 5)
        return false;
    for (int32_t i = 1; i < 5; i++) {
        if (!is_f32_constant(match, node->inputs[i]) ||
            shape_elements(&match_desc(match, node->inputs[i])->shape) != affine->channels)
            return false;
    }
    double epsilon = node_float(node, "epsilon", 1e-5f);
    for (int64_t c = 0; c < affine->channels; c++) {
        double scale = constant_at(match, node->inputs[1], c) /
                       sqrt(constant_at(match, node->inputs[4], c) + epsilon);
        affine->scale[c] = scale;
        affine->shift[c] =
            constant_at(match, node->inputs[2], c) - constant_at(match, node->inputs[3], c) * scale;
    }
    return true;
}

static bool affine_of_binary(const struct match *match, const struct graph_node *node,
                             int32_t conv_output, int32_t rank, struct channel_affine *affine)
{
    int32_t other;
    if (!match_with_tensor(node, conv_output, &other) ||
        !is_per_channel(match, other, rank, affine->channels))
        return false;
    bool conv_first = node->inputs[0] == conv_output;
    if (node->op == OP_DIV && !conv_first)
        return false;
    for (int64_t c = 0; c < affine->channels; c++) {
        double value = channel_value(match, other, c);
        affine->scale[c] = 1;
        affine->shift[c] = 0;
        if (node->op == OP_MUL)
            affine->scale[c] = value;
        else if (node->op == OP_DIV)
            affine->scale[c] = 1 / value;
        else if (node->op == OP_ADD)
            affine->shift[c] = value;
        else if (conv_first)
            affine->shift[c] = -value;
        else {
            affine->scale[c] = -1;
            affine->shift[c] = value;
        }
    }
    return true;
}

/* A new weight: each output channel's part times its scale. */
static int32_t scaled_weight(struct match *match, const struct graph_node *conv,
                             const struct channel_affine *affine)
{
    struct pum_graph *graph = match->graph;
    const struct graph_tensor *old = &graph->tensors[conv->inputs[1]];
    struct tensor_desc desc = old->desc;
    const float *from = old->data;
    const char *name = old->name;
    size_t bytes = old->data_bytes;
    float *to = base_arena_alloc(&graph->arena, bytes ? bytes : 1, 1);
    if (!to)
        return GRAPH_NONE;
    int64_t inner = shape_product(&desc.shape, 2, desc.shape.rank);
    int64_t rows = desc.shape.dims[0], columns = desc.shape.dims[1];
    int64_t groups = node_int(conv, "group", 1);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t k = 0; k < columns; k++) {
            int64_t channel = conv->op == OP_CONV ? r : (r / (rows / groups)) * columns + k;
            if (conv->op == OP_GEMM)
                channel = node_int(conv, "transB", 0) ? r : k;
            double scale = affine->scale[channel];
            for (int64_t i = 0; i < inner; i++) {
                int64_t at = (r * columns + k) * inner + i;
                to[at] = (float)(from[at] * scale);
            }
        }
    }
    return graph_add_constant(graph, name, &desc, to, bytes);
}

static int32_t shifted_bias(struct match *match, const struct graph_node *conv,
                            const struct channel_affine *affine)
{
    struct pum_graph *graph = match->graph;
    int32_t old = conv->input_count > 2 ? conv->inputs[2] : GRAPH_NONE;
    size_t bytes = (size_t)affine->channels * sizeof(float);
    float *to = base_arena_alloc(&graph->arena, (size_t)affine->channels, sizeof(float));
    if (!to)
        return GRAPH_NONE;
    for (int64_t c = 0; c < affine->channels; c++) {
        double bias = old >= 0 ? constant_at(match, old, c) : 0;
        to[c] = (float)(bias * affine->scale[c] + affine->shift[c]);
    }
    struct tensor_desc desc = {PUM_DTYPE_F32, shape_of(1, &affine->channels)};
    return graph_add_constant(graph, "bias", &desc, to, bytes);
}

static pum_status apply_affine(struct match *match, int32_t conv_index, int32_t node_index,
                               const struct channel_affine *affine)
{
    struct pum_graph *graph = match->graph;
    const struct graph_node *conv = &graph->nodes[conv_index];
    bool scales = false;
    for (int64_t c = 0; c < affine->channels; c++)
        scales = scales || affine->scale[c] != 1;
    int32_t inputs[3] = {conv->inputs[0], conv->inputs[1], GRAPH_NONE};
    if (scales)
        inputs[1] = scaled_weight(match, conv, affine);
    inputs[2] = shifted_bias(match, conv, affine);
    if (inputs[1] < 0 || inputs[2] < 0)
        return PUM_E_MEMORY;
    PUM_TRY(graph_set_inputs(graph, conv_index, inputs, 3));
    PUM_TRY(graph_note_fused(graph, conv_index, op_rows[graph->nodes[node_index].op].name));
    int32_t output = graph->nodes[node_index].outputs[0];
    match_remove(match, node_index);
    match_replace(match, output, graph->nodes[conv_index].outputs[0]);
    return PUM_OK;
}

/* The convolution that node `index` scales or shifts, or -1. */
static int32_t conv_before(const struct match *match, const struct graph_node *node)
{
    for (int32_t i = 0; i < node->input_count && i < 2; i++) {
        int32_t tensor = node->inputs[i];
        const struct graph_node *producer = match_producer(match, tensor, -1);
        if (producer &&
            (producer->op == OP_CONV || producer->op == OP_CONVTRANSPOSE ||
             producer->op == OP_GEMM) &&
            match_uses(match, tensor) == 1)
            return match->graph->tensors[tensor].producer;
    }
    return -1;
}

static pum_status fold_into_conv(struct match *match, int32_t index)
{
    struct pum_graph *graph = match->graph;
    const struct graph_node *node = &graph->nodes[index];
    int32_t conv_index = conv_before(match, node);
    if (conv_index < 0 || node->output_count != 1)
        return PUM_OK;
    const struct graph_node *conv = &graph->nodes[conv_index];
    struct channel_affine affine = {.channels = conv_channels(match, conv)};
    if (affine.channels == 0)
        return PUM_OK;
    affine.scale = pum_alloc(graph->context, (size_t)affine.channels * 2, sizeof(double));
    if (!affine.scale)
        return PUM_E_MEMORY;
    affine.shift = affine.scale + affine.channels;
    int32_t rank = match_desc(match, conv->inputs[1])->shape.rank;
    bool fits =
        node->op == OP_BATCHNORMALIZATION
            ? node->inputs[0] == conv->outputs[0] && affine_of_batch_norm(match, node, &affine)
            : affine_of_binary(match, node, conv->outputs[0], rank, &affine);
    pum_status status = fits ? apply_affine(match, conv_index, index, &affine) : PUM_OK;
    pum_free(graph->context, affine.scale);
    return status;
}

pum_status pass_fold_conv(struct pum_graph *graph)
{
    struct match match;
    PUM_TRY(match_begin(&match, graph));
    pum_status status = PUM_OK;
    for (int32_t i = 0; i < graph->node_count && status == PUM_OK; i++) {
        int32_t op = graph->nodes[i].op;
        if (op == OP_BATCHNORMALIZATION || op == OP_MUL || op == OP_DIV || op == OP_ADD ||
            op == OP_SUB)
            status = fold_into_conv(&match, i);
    }
    match_end(&match);
    return status == PUM_OK ? graph_prune(graph) : status;
}
