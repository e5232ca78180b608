/* SPDX-License-Identifier: MIT
 *
 * fuse_quant_product.c - convolutions and matrix products of pass_fuse_quant: weights with a scale
 * for each output channel, biases in units of both scales, results that stay float. Tests:
 * tests/passes/test_fuse_quant.c.
 */
#include "passes/fuse_quant.h"

#include <math.h>

/* 8-bit weights: of the whole tensor, or by the entries of `axis`. */
static bool weight_input(const struct match *match, const struct graph_node *node, int32_t index,
                         int32_t axis, struct quantized *out_quantized)
{
    if (!quant_of_input(match, quant_input(node, index), out_quantized) ||
        !quant_is_byte(out_quantized->dtype))
        return false;
    if (out_quantized->entries == 1)
        return true;
    const struct graph_tensor *value = quant_constant(match, out_quantized->value);
    int32_t own;
    return value && shape_axis(out_quantized->axis, value->desc.shape.rank, &own) &&
           own == (axis < 0 ? value->desc.shape.rank + axis : axis) &&
           value->desc.shape.dims[own] == out_quantized->entries;
}

/* 8 bits with one scale. */
static bool byte_input(const struct match *match, const struct graph_node *node, int32_t index,
                       struct quantized *out_quantized)
{
    return quant_of_input(match, quant_input(node, index), out_quantized) &&
           out_quantized->entries == 1 && quant_is_byte(out_quantized->dtype);
}

/* The zero points of weights by channel, made if they are absent. */
static int32_t weight_zero(struct match *match, const struct quantized *w)
{
    if (w->zero >= 0 || w->entries == 1)
        return quant_zero_tensor(match, w);
    struct tensor_desc desc = {w->dtype, shape_of(1, &w->entries)};
    void *zeros = base_arena_alloc(&match->graph->arena, (size_t)w->entries, 1);
    return zeros ? graph_add_constant(match->graph, "zero", &desc, zeros, (size_t)w->entries)
                 : GRAPH_NONE;
}

/* A bias of `channels` values as int32 in units of x's scale times w's: as the file has it, or a
 * float one rounded. False if it is neither. */
static bool bias_input(struct match *match, int32_t tensor, const struct quantized *x,
                       const struct quantized *w, int32_t *out_bias)
{
    struct quantized bias;
    *out_bias = GRAPH_NONE;
    if (tensor < 0)
        return true;
    if (quant_of_input(match, tensor, &bias) && bias.dtype == PUM_DTYPE_I32) {
        *out_bias = bias.value;
        return quant_constant(match, bias.value) != NULL;
    }
    const struct graph_tensor *real = quant_constant(match, tensor);
    if (!real || real->desc.dtype != PUM_DTYPE_F32)
        return false;
    int64_t count = shape_elements(&real->desc.shape);
    const float *from = real->data;
    struct tensor_desc desc = {PUM_DTYPE_I32, shape_of(1, &count)};
    int32_t *to = base_arena_alloc(&match->graph->arena, (size_t)count + 1, sizeof *to);
    if (!to || (w->entries != 1 && w->entries != count))
        return false;
    for (int64_t i = 0; i < count; i++) {
        float scale = quant_scale_value(match, x, 0) * quant_scale_value(match, w, i);
        double units = rint((double)from[i] / (double)scale);
        if (!(fabs(units) < INT32_MAX))
            return false;
        to[i] = (int32_t)units;
    }
    *out_bias = graph_add_constant(match->graph, "bias", &desc, to, (size_t)count * sizeof *to);
    return *out_bias >= 0;
}

pum_status quant_fuse_conv(struct match *match, const struct quant_site *site)
{
    struct quantized x, w;
    int32_t bias;
    if (!quant_act_input(match, site, 0, &x) || !weight_input(match, site->target, 1, 0, &w) ||
        !quant_constant(match, w.value) ||
        !bias_input(match, quant_input(site->target, 2), &x, &w, &bias))
        return PUM_OK;
    const int32_t inputs[9] = {x.value,
                               x.scale,
                               quant_made(quant_zero_tensor(match, &x)),
                               w.value,
                               w.scale,
                               quant_made(weight_zero(match, &w)),
                               site->y.scale,
                               quant_made(quant_zero_tensor(match, &site->y)),
                               bias};
    return quant_become(match, site, OP_QLINEARCONV, inputs, bias >= 0 ? 9 : 8);
}

pum_status quant_fuse_matmul(struct match *match, const struct quant_site *site)
{
    struct quantized a, b;
    if (!quant_act_input(match, site, 0, &a) || !weight_input(match, site->target, 1, -1, &b) ||
        quant_input(site->target, 2) >= 0 || node_int(site->target, "transA", 0) ||
        node_int(site->target, "transB", 0))
        return PUM_OK;
    const int32_t inputs[8] = {a.value,
                               a.scale,
                               quant_made(quant_zero_tensor(match, &a)),
                               b.value,
                               b.scale,
                               quant_made(weight_zero(match, &b)),
                               site->y.scale,
                               quant_made(quant_zero_tensor(match, &site->y))};
    return quant_become(match, site, OP_QLINEARMATMUL, inputs, 8);
}

/* A Gemm's operands in QGemm's order, without y's; false if it does not fit. */
static bool gemm_inputs(struct match *match, const struct graph_node *gemm, int32_t inputs[9])
{
    struct quantized a, b;
    int32_t bias, columns = node_int(gemm, "transB", 0) ? 0 : 1;
    if (!byte_input(match, gemm, 0, &a) || !weight_input(match, gemm, 1, columns, &b))
        return false;
    if (quant_input(gemm, 2) >= 0 &&
        (node_float(gemm, "beta", 1) != 1 || !quant_constant(match, b.value)))
        return false;
    if (!bias_input(match, quant_input(gemm, 2), &a, &b, &bias))
        return false;
    if (bias >= 0) {
        int64_t n = match_desc(match, b.value)->shape.dims[columns];
        int64_t count = shape_elements(&match_desc(match, bias)->shape);
        if (count != n && count != 1)
            return false;
    }
    inputs[0] = a.value;
    inputs[1] = a.scale;
    inputs[2] = quant_made(quant_zero_tensor(match, &a));
    inputs[3] = b.value;
    inputs[4] = b.scale;
    inputs[5] = quant_made(weight_zero(match, &b));
    inputs[6] = bias;
    inputs[7] = inputs[8] = GRAPH_NONE;
    return true;
}

pum_status quant_fuse_gemm(struct match *match, const struct quant_site *site)
{
    struct quantized a;
    int32_t inputs[9];
    if (!quant_act_input(match, site, 0, &a) || !gemm_inputs(match, site->target, inputs))
        return PUM_OK;
    inputs[7] = site->y.scale;
    inputs[8] = quant_made(quant_zero_tensor(match, &site->y));
    return quant_become(match, site, OP_QGEMM, inputs, 9);
}

/* A MatMul or Gemm of two quantised operands whose result stays float. */
pum_status quant_fuse_float_product(struct match *match, int32_t index)
{
    const struct graph_node *node = &match->graph->nodes[index];
    struct quant_site site = {.index = index, .target = node};
    struct quantized a, b;
    int32_t inputs[9];
    if (node->op == OP_GEMM)
        return gemm_inputs(match, node, inputs) ? quant_become(match, &site, OP_QGEMM, inputs, 7)
                                                : PUM_OK;
    if (!byte_input(match, node, 0, &a) || !weight_input(match, node, 1, -1, &b) ||
        quant_input(node, 2) >= 0 || node_int(node, "transA", 0) || node_int(node, "transB", 0))
        return PUM_OK;
    const int32_t product[6] = {a.value,
                                b.value,
                                a.scale,
                                b.scale,
                                quant_made(quant_zero_tensor(match, &a)),
                                quant_made(weight_zero(match, &b))};
    return quant_become(match, &site, OP_MATMULINTEGERTOFLOAT, product, 6);
}
